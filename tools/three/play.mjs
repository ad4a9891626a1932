// Usage: node play.mjs FILE.glb TIMES.f64 OUT.f32
// Plays the file's first animation and writes every vertex's place in the world [m], time by time: float32 [T, V, 3].
// Vertices are those of the file's first mesh; each is taken from the first primitive that draws it.
import { readFile, writeFile } from "node:fs/promises";
// Node has no pictures: a texture is accepted when the bytes of a PNG or JPEG reach the loader.
globalThis.self ??= globalThis;
globalThis.createImageBitmap = async (blob) => {
  const head = new Uint8Array(await blob.slice(0, 4).arrayBuffer());
  if (!(head[1] === 0x50 && head[2] === 0x4e) && !(head[0] === 0xff && head[1] === 0xd8)) throw new Error("no picture");
  return { width: 1, height: 1, close() {} };
};
import { AnimationMixer, LoopOnce, Vector3 } from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";

const [file, timesFile, out] = process.argv.slice(2);
const bytes = (data) => data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
const times = new Float64Array(bytes(await readFile(timesFile)));
const { scene, animations } = await new GLTFLoader().parseAsync(bytes(await readFile(file)), "");

const meshes = [];
scene.traverse((node) => node.isMesh && meshes.push(node));
const count = meshes[0].geometry.attributes.position.count;
const drawnBy = new Array(count).fill(null);
for (const mesh of meshes) {
  for (const vertex of mesh.geometry.index.array) drawnBy[vertex] ??= mesh;
}

const mixer = new AnimationMixer(scene);
const action = mixer.clipAction(animations[0]);
action.setLoop(LoopOnce); // a repeated take is at its first frame when it reaches its last
action.clampWhenFinished = true;
action.play();

const places = new Float32Array(times.length * count * 3);
const place = new Vector3();
times.forEach((time, frame) => {
  mixer.setTime(time);
  scene.updateMatrixWorld(true);
  drawnBy.forEach((mesh, vertex) => {
    if (mesh === null) place.set(NaN, NaN, NaN);
    else mesh.getVertexPosition(vertex, place).applyMatrix4(mesh.matrixWorld);
    place.toArray(places, 3 * (frame * count + vertex));
  });
});
await writeFile(out, new Uint8Array(places.buffer));
