"""GLSL sources of the renderer.

Colours are linear until the last line of a fragment shader, which stores sqrt(colour / 2) so that 8 bits keep the
shadows. Alpha carries `solids.Id`. Light is evaluated per vertex: the rig has about a vertex per pixel of the crop.
"""

__all__ = ["BEARD", "DEPTH", "EYE", "GLASS", "HAIR", "LASH", "MOUTH", "PLAIN", "SKIN"]

_LIGHT = """
uniform mat4 clip_from_head; uniform mat3 turn; uniform vec3 eye;      // eye: the camera in the head frame
uniform vec3 lamp_dir[3]; uniform vec3 lamp_color[3]; uniform float lamp_soft[3]; uniform vec3 ambient[6];
uniform mat4 shadow_from_head; uniform sampler2D shadow_map; uniform float shadow_strength;
float lit(vec3 p, vec3 n) {
    vec4 q = shadow_from_head * vec4(p + n * 2.5, 1.0);
    float s = 0.0;
    for (int k = 0; k < 4; ++k) {
        vec2 o = (vec2(k & 1, k >> 1) - 0.5) * 0.016;
        s += q.z * 0.5 + 0.5 - 0.004 <= textureLod(shadow_map, q.xy * 0.5 + 0.5 + o, 0.0).r ? 0.25 : 0.0;
    }
    return 1.0 - shadow_strength * (1.0 - s);
}
// Diffuse and glossy light at a point with head-frame normal n; `bleed` tints the terminator (light under the skin).
void light(vec3 p, vec3 n, float ao, vec3 bleed, float power, out vec3 diffuse, out vec3 gloss) {
    vec3 c = turn * n, v = turn * normalize(eye - p), m = c * c;
    diffuse = m.x * ambient[c.x < 0.0 ? 1 : 0] + m.y * ambient[c.y < 0.0 ? 3 : 2] + m.z * ambient[c.z < 0.0 ? 5 : 4];
    float facing = max(dot(c, v), 0.0), fresnel = 0.03 + 0.5 * pow(1.0 - facing, 5.0);
    // Hollows glow in the surface's own colour: what they lose of the sky they get from each other (Jimenez et al.
    // 2016, "Practical realtime strategies for accurate indirect occlusion", by a power per channel).
    diffuse *= pow(vec3(ao), vec3(1.1) - 1.6 * bleed);
    gloss = min(fresnel, 0.1) * diffuse * ao;
    float open = mix(ao, 1.0, 0.3);
    for (int k = 0; k < 3; ++k) {
        float d = dot(c, lamp_dir[k]);
        vec3 wrap = bleed + 0.45 * lamp_soft[k];
        vec3 w = clamp((d + wrap) / (1.0 + wrap), 0.0, 1.0);
        float s = k == 0 ? lit(p, n) : 1.0;
        diffuse += lamp_color[k] * w * (w * 0.4 + 0.6) * s * open;
        float h = max(dot(c, normalize(lamp_dir[k] + v)), 0.0);
        gloss += lamp_color[k] * step(0.0, d) * s * open * fresnel * (power + 8.0) / 8.0
            * pow(h, power / (1.0 + 3.0 * lamp_soft[k]));
    }
}
"""
_OUT = "vec4 store(vec3 c, float id) { return vec4(sqrt(clamp(c, 0.0, 2.0) * 0.5), id / 255.0); }\n"

SKIN = (
    "#version 330\nin vec3 position; in vec4 normal; in vec2 uv; out vec3 v_diffuse; out vec3 v_gloss; out vec2 v_uv;\n"
    + _LIGHT
    + """
void main() {
    gl_Position = clip_from_head * vec4(position, 1.0);
    light(position, normal.xyz, normal.w, vec3(0.30, 0.10, 0.06), 22.0, v_diffuse, v_gloss);
    v_uv = uv;
}""",
    "#version 330\nin vec3 v_diffuse; in vec3 v_gloss; in vec2 v_uv; out vec4 frag;\n"
    + "uniform sampler2D skin; uniform sampler2D lines; uniform vec4 line_depth; uniform float with_lines;\n"
    + _OUT
    + """
void main() {
    vec4 t = texture(skin, v_uv);
    float dark = 1.0;
    if (with_lines > 0.0) dark -= clamp(dot((texture(lines, v_uv) - 0.25) / 0.75, line_depth), -0.2, 0.6);
    bool lips = t.a > 0.6;
    float g = lips ? (t.a - 0.6) * 2.2 + 0.2 : t.a * 2.0;
    frag = store(t.rgb * t.rgb * v_diffuse * dark + v_gloss * g * 1.25, lips ? 20.0 : 10.0);
}""",
)

_PLAIN_VERTEX = (
    "#version 330\nin vec3 position; in vec3 normal; in vec3 color; in vec2 uv; in vec4 params;\n"
    "out vec3 v_color; out vec3 v_gloss; out vec2 v_uv; out vec2 v_params;\n"
    "uniform mat4 placed;\n"
    + _LIGHT
    + """
void main() {
    vec3 p = (placed * vec4(position, 1.0)).xyz, n = mat3(placed) * normal, d, g;
    gl_Position = clip_from_head * vec4(p, 1.0);
    if (dot(n, eye - p) < 0.0) n = -n;
    light(p, n, 0.85, vec3(0.05), 12.0 + 50.0 * params.z, d, g);
    v_color = color * d; v_gloss = g * params.z * 3.0; v_uv = uv; v_params = vec2(params.x, params.w);
}"""
)
PLAIN = (
    _PLAIN_VERTEX,
    "#version 330\nin vec3 v_color; in vec3 v_gloss; in vec2 v_params; out vec4 frag;\n"
    + _OUT
    + "void main() { frag = store(v_color + v_gloss, v_params.y); }",
)

HAIR = (
    "#version 330\nin vec3 position; in vec3 normal; in vec3 color; in vec2 uv; in vec4 params;\n"
    "out vec3 v_color; out vec3 v_gloss; out vec2 v_uv; out vec2 v_params;\n"
    + _LIGHT
    + """
void main() {
    vec3 n = normal, d, g;
    gl_Position = clip_from_head * vec4(position, 1.0);
    if (dot(n, eye - position) < 0.0) n = -n;
    light(position, n, 0.8, vec3(0.12), 12.0, d, g);
    // Strands run from the crown along the sheet; their highlights are cones, white and then the hair's own colour
    // (Kajiya and Kay 1989; Scheuermann 2004).
    vec3 along = position - vec3(0.0, 150.0, -10.0);
    vec3 t = turn * normalize(along - n * dot(along, n) + vec3(0.0, -1e-3, 0.0));
    vec3 c = turn * n, v = turn * normalize(eye - position);
    v_gloss = vec3(0.0);
    for (int k = 0; k < 3; ++k) {
        vec3 h = normalize(lamp_dir[k] + v);
        float a = dot(normalize(t + 0.10 * c), h), b = dot(normalize(t - 0.12 * c), h);
        v_gloss += lamp_color[k] * smoothstep(-0.2, 0.5, dot(c, lamp_dir[k]))
            * (0.05 * pow(max(1.0 - a * a, 0.0), 40.0) + color * 0.9 * pow(max(1.0 - b * b, 0.0), 9.0));
    }
    v_gloss += (0.04 + 0.5 * color) * ambient[2] * pow(max(1.0 - t.y * t.y, 0.0), 3.0);
    v_color = color * d; v_gloss *= 0.3 + 1.4 * params.z; v_uv = uv; v_params = vec2(params.x, params.w);
}""",
    "#version 330\nin vec3 v_color; in vec3 v_gloss; in vec2 v_uv; in vec2 v_params; out vec4 frag;\n"
    + "uniform sampler2D noise;\n"
    + _OUT
    + """
void main() {
    float s = texture(noise, v_uv).r;
    if (s > v_params.x * 1.25 + 0.02) discard;
    float lock = texture(noise, v_uv * vec2(0.29, 0.23) + 0.13).r;
    frag = store(v_color * (0.55 + 0.9 * s) * (0.75 + 0.5 * lock) + v_gloss * s * (0.8 + 1.2 * s), v_params.y);
}""",
)

MOUTH = (
    "#version 330\nin vec3 position; in vec4 normal; in vec4 color; out vec3 v_color;\nout float v_id;\n"
    + _LIGHT
    + """
void main() {
    vec3 d, g;
    gl_Position = clip_from_head * vec4(position, 1.0);
    light(position, normal.xyz, 1.0, vec3(0.2, 0.1, 0.1), 40.0, d, g);
    v_color = (color.rgb * d + g * 0.8) * normal.w; v_id = color.a;
}""",
    "#version 330\nin vec3 v_color; in float v_id; out vec4 frag;\n"
    + _OUT
    + "void main() { frag = store(v_color, v_id); }",
)

EYE = (
    "#version 330\nin vec3 position; in vec4 normal; out vec3 v_dir; out vec3 v_diffuse; out vec3 v_pos;\n"
    "uniform vec3 centre;\n"
    + _LIGHT
    + """
void main() {
    vec3 g;
    gl_Position = clip_from_head * vec4(position, 1.0);
    v_dir = position - centre; v_pos = position;
    light(position, normalize(v_dir), 1.0, vec3(0.25, 0.18, 0.16), 10.0, v_diffuse, g);
}""",
    "#version 330\nin vec3 v_dir; in vec3 v_diffuse; in vec3 v_pos; out vec4 frag;\n"
    "uniform vec3 axis; uniform vec3 side; uniform vec3 iris_color; uniform vec3 ring_color; uniform vec3 sclera;\n"
    "uniform vec2 radii; uniform vec3 upper_lid; uniform vec3 lower_lid; uniform sampler2D noise; uniform vec3 eye;\n"
    "uniform mat3 turn; uniform vec3 lamp_dir[3]; uniform vec3 lamp_color[3]; uniform float lamp_soft[3];\n"
    "uniform float seed;\n"
    + _OUT
    + """
void main() {
    vec3 d = normalize(v_dir);
    float r = acos(clamp(dot(d, axis), -1.0, 1.0)) * 16.0;          // mm along the eyeball
    vec3 up = cross(axis, side);
    float around = atan(dot(d, up), dot(d, side)) * 0.15915;
    float az = atan(d.x, d.z), el = atan(d.y, length(d.xz));
    float top = upper_lid.x + az * (upper_lid.y + az * upper_lid.z) - el;
    float low = el - (lower_lid.x + az * (lower_lid.y + az * lower_lid.z));
    float shade = (0.28 + 0.72 * smoothstep(-0.02, 0.30, top)) * (0.62 + 0.38 * smoothstep(-0.02, 0.13, low));
    float n1 = texture(noise, vec2(around * 2.0, r * 0.015 + seed)).r;
    float n2 = texture(noise, vec2(az, el) * 1.2 + seed).r;
    float corner = smoothstep(0.35, 0.95, abs(az));
    vec3 white = sclera * mix(vec3(1.0), vec3(0.93, 0.70, 0.64), corner * 0.8 + 0.25 * n2 * n2);
    float q = r / radii.x;
    vec3 iris = mix(iris_color * 1.25, iris_color, smoothstep(radii.y / radii.x, 0.75, q)) * (0.55 + 0.9 * n1);
    iris = mix(iris, ring_color, smoothstep(0.78, 1.0, q));
    iris *= 0.75 + 0.5 * smoothstep(0.6, -0.6, dot(d - axis, up) / 0.36);      // light pools below the pupil
    iris *= smoothstep(radii.y - 0.25, radii.y + 0.25, r) * 0.985 + 0.015;
    float limbus = smoothstep(radii.x - 0.45, radii.x + 0.55, r);
    white *= mix(0.72, 1.0, smoothstep(radii.x, radii.x + 1.6, r));
    vec3 c = mix(iris, white, limbus) * v_diffuse * shade;
    vec3 n = turn * normalize(d + axis * 0.55 * (1.0 - smoothstep(4.5, 7.0, r)) * (1.0 - 0.1 * r) * 0.2);
    vec3 v = turn * normalize(eye - v_pos);
    for (int k = 0; k < 3; ++k) {
        float h = max(dot(n, normalize(lamp_dir[k] + v)), 0.0);
        c += lamp_color[k] * (0.25 + 0.75 * shade) * mix(3.2, 0.9, lamp_soft[k])
            * pow(h, mix(700.0, 120.0, lamp_soft[k]));
    }
    c += 0.05 * v_diffuse * smoothstep(0.03, 0.0, abs(low - 0.02));             // tear line
    frag = store(c, r < radii.x ? 40.0 : 30.0);
}""",
)

LASH = (
    "#version 330\nin vec3 position; in vec2 uv; out vec2 v_uv; uniform mat4 clip_from_head;\n"
    "void main() { gl_Position = clip_from_head * vec4(position, 1.0); v_uv = uv; }",
    "#version 330\nin vec2 v_uv; out vec4 frag; uniform float strength; uniform vec3 lash_color;\n"
    + """
void main() {
    // Six strips per eye share the chart, each a sixth of its height, roots on top; u runs along the lid.
    float along = 1.0 - fract(v_uv.y * 6.0);
    float hair = 0.55 + 0.45 * sin(v_uv.x * 190.0 + 5.0 * along + floor(v_uv.y * 6.0));
    frag = vec4(sqrt(lash_color * 0.5), strength * hair * (1.0 - smoothstep(0.0, 0.8, along)));
}""",
)

BEARD = (
    "#version 330\nin vec3 position; in vec4 normal; in vec2 uv; in vec2 beard; out vec3 v_color; out vec2 v_uv;\n"
    "out float v_cover; uniform float height; uniform float layer; uniform vec3 beard_color;\n"
    + _LIGHT
    + """
void main() {
    vec3 lean = normalize(normal.xyz + vec3(0.0, -0.55, 0.0));
    vec3 p = position + lean * height * layer * beard.y * sqrt(beard.x), d, g;
    gl_Position = clip_from_head * vec4(p, 1.0);
    light(p, normal.xyz, normal.w, vec3(0.1), 14.0, d, g);
    v_color = beard_color * d * (0.5 + 0.5 * layer) + g * 0.3; v_uv = uv; v_cover = beard.x * (1.12 - 0.55 * layer);
}""",
    "#version 330\nin vec3 v_color; in vec2 v_uv; in float v_cover; out vec4 frag; uniform sampler2D noise;\n"
    + _OUT
    + """
void main() {
    float s = 0.5 * texture(noise, v_uv * vec2(9.0, 3.0)).r + 0.5 * texture(noise, v_uv * vec2(17.0, 7.0)).r;
    if ((s - 0.5) * 2.2 + 0.5 > v_cover * 1.15 - 0.05) discard;
    frag = store(v_color * (0.4 + 1.7 * s), 80.0);
}""",
)

GLASS = (
    "#version 330\nin vec3 position; in vec3 normal; out vec3 v_p; out vec3 v_n; uniform mat4 clip_from_head;\n"
    "void main() { gl_Position = clip_from_head * vec4(position, 1.0); v_p = position; v_n = normal; }",
    "#version 330\nin vec3 v_p; in vec3 v_n; out vec4 frag; uniform vec3 eye; uniform mat3 turn; uniform vec4 tint;\n"
    "uniform float coating;\n"
    "uniform vec3 lamp_dir[3]; uniform vec3 lamp_color[3]; uniform float lamp_soft[3]; uniform vec3 ambient[6];\n"
    + """
void main() {
    vec3 n = turn * normalize(v_n), v = turn * normalize(eye - v_p), r = reflect(-v, n), m = r * r;
    vec3 sky = m.x * ambient[r.x < 0.0 ? 1 : 0] + m.y * ambient[r.y < 0.0 ? 3 : 2] + m.z * ambient[r.z < 0.0 ? 5 : 4];
    float f = 0.045 + 0.9 * pow(1.0 - max(dot(n, v), 0.0), 5.0);
    vec3 c = sky * f * 2.0 * coating;
    for (int k = 0; k < 3; ++k)
        c += lamp_color[k] * smoothstep(mix(0.995, 0.93, lamp_soft[k]), 1.0, dot(r, lamp_dir[k]))
            * mix(1.2, 0.08, lamp_soft[k]) * coating;
    float a = clamp(tint.a + max(max(c.r, c.g), c.b) * 0.8, 0.0, 0.97);
    frag = vec4(sqrt(clamp(c + tint.rgb * tint.a * 0.3, 0.0, 2.0) * 0.5), a);
}""",
)

DEPTH = (
    "#version 330\nin vec3 position; uniform mat4 clip_from_head; uniform mat4 placed;\n"
    "void main() { gl_Position = clip_from_head * placed * vec4(position, 1.0); }",
    "#version 330\nvoid main() {}",
)
