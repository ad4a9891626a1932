"""`mien speak` writes what the verb returns, and refuses in one line."""

from pathlib import Path

import numpy as np
import pytest

import mien
from mien.cli.main import main
from mien.cli.speak import shares
from mien.core import Clip, MienError, VisemeTrack
from mien.io.sound import Sound, read_sound, write_wav
from mien.runtime import Bundle

TABLE = "start,end,viseme\n0.3,0.4,PP\n0.4,0.6,aa\n0.6,0.7,FF\n0.7,0.9,ou\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "said.csv"
    path.write_text(TABLE)
    return path


def test_every_output_holds_the_verbs_result(
    table: Path, small: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["speak", "--visemes", str(table), "--bundle", str(small.path), "--seed", "3", "--fps", "30"]
    outs = [tmp_path / "{name}-a.npz", tmp_path / "x.glb"]
    assert main([*words, *(word for out in outs for word in ("--out", str(out)))]) == 0
    made = mien.speak(visemes=VisemeTrack.load(table), bundle=small, seed=3, fps=30)
    written = Clip.load(tmp_path / "said-a.npz")
    np.testing.assert_array_equal(written.weights, made.weights)
    np.testing.assert_array_equal(written.times, made.times)
    np.testing.assert_allclose(
        Clip.load(tmp_path / "x.glb").with_channels(made.channels).weights, made.weights, atol=1e-5
    )
    said = capsys.readouterr().out
    assert "4 visemes from said.csv" in said and said.count("wrote ") == 2


def test_styles_rules_and_merging_reach_the_verb(table: Path, small: Bundle, tmp_path: Path) -> None:
    style, out = tmp_path / "style.npz", tmp_path / "x.npz"
    mien.speak("People may find many of them", generator="rules").save(style)
    words = ["speak", "--visemes", str(table), "--out", str(out)]
    trained = ["--bundle", str(small.path)]
    for options, expected in (
        ([*trained, "--style", str(style)], {"style": style, "bundle": small}),
        ([*trained, "--style-mix", f"{style}:2"], {"style": style, "bundle": small}),
        ([*trained, "--merge", str(style)], {"merge": style, "bundle": small}),
        (["--generator", "rules"], {"generator": "rules"}),
    ):
        assert main([*words, *options]) == 0
        made = mien.speak(visemes=table, **expected)  # pyright: ignore
        np.testing.assert_array_equal(Clip.load(out).weights, made.weights)


def test_words_and_a_text_file_are_the_same_and_pace_shortens(tmp_path: Path) -> None:
    (tmp_path / "line.txt").write_text("Hello there")
    lengths = []
    for words in (["Hello there"], ["--text", str(tmp_path / "line.txt")], ["Hello there", "--pace", "2"]):
        assert main(["speak", *words, "--generator", "rules", "--out", str(tmp_path / "x.npz")]) == 0
        lengths.append(Clip.load(tmp_path / "x.npz").duration)
    assert lengths[0] == lengths[1] > lengths[2] + 0.2


def test_a_voice_and_a_preview_are_written_with_the_sound_in_step(tmp_path: Path) -> None:
    out, preview = tmp_path / "x.csv", tmp_path / "x.mp4"
    words = ["speak", "Bob", "--voice", "en-us", "--generator", "rules", "--out", str(out), "--preview", str(preview)]
    assert main(words) == 0
    voice, shown = read_sound(tmp_path / "x.wav"), read_sound(preview)
    assert abs(voice.duration - shown.duration) < 0.1
    times = np.arange(0.02, voice.duration - 0.05, 0.01)
    assert np.corrcoef(voice.loudness(times), shown.loudness(times))[0, 1] > 0.98


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["speak"], "nothing to say"),
        (["speak", "hi", "--text", "x.txt"], "given twice"),
        (["speak", "hi", "--out", "x.fbx"], "x.fbx"),
        (["speak", "hi", "--preview", "x.gif"], ".mp4"),
        (["speak", "--visemes", "gone.csv"], "gone.csv"),
        (["speak", "--audio", "gone.wav"], "gone.wav"),
        (["speak", "hi", "--style-mix", "a.csv"], "--style-mix a.csv:0.7"),
        (["speak", "hi", "--style", "a.csv", "--generator", "rules"], "no --style"),
        (["speak", "hi", "--pace", "0"], "--pace lies"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    line = capsys.readouterr().err
    assert said in line and line.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_input_is_never_overwritten(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speak", "--visemes", str(table), "--out", str(table)]) == 2
    assert "would be overwritten" in capsys.readouterr().err and table.read_text() == TABLE


def test_silence_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wav(Sound(samples=np.zeros(16_000, np.float32)), tmp_path / "x.wav")
    assert main(["speak", "hi", "--audio", str(tmp_path / "x.wav"), "--out", str(tmp_path / "x.csv")]) == 2
    assert "no speech is heard" in capsys.readouterr().err and not (tmp_path / "x.csv").exists()


def test_shares_are_paths_with_numbers() -> None:
    assert shares("a.csv:0.7, b:c.csv:0.3") == {Path("a.csv"): 0.7, Path("b:c.csv"): 0.3}
    with pytest.raises(MienError, match="no take with a share"):
        shares("a.csv:much")
