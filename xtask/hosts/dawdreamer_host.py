"""Encore in dawdreamer: renders over the recording, with Continue pressed by automation, and what is kept of it.

Usage: dawdreamer_host.py BUNDLE RECORDING FOLDER SEAM_SECONDS LENGTH_SECONDS
Says what it did in JSON, a line each; audio goes to FOLDER/*.f32, interleaved stereo. The caller judges.
"""

import json
import pathlib
import sys
import time
import wave

import dawdreamer
import numpy

bundle, recording, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
seam_seconds, length_seconds = map(float, sys.argv[4:6])
N_BLOCK = 512
WAIT_SECONDS = 60


def say(**facts):
    print(json.dumps(facts), flush=True)


def read(path):
    with wave.open(path) as file:
        samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2")
        return file.getframerate(), (samples.reshape(-1, 2).T / 32768).astype(numpy.float32)


rate, song = read(recording)
n_seconds = song.shape[1] / rate


class Host:
    """An engine with the recording on a track and Encore after it."""

    def __init__(self):
        self.engine = dawdreamer.RenderEngine(rate, N_BLOCK)
        self.engine.set_bpm(124.0)
        self.encore = self.engine.make_plugin_processor("encore", bundle)
        track = self.engine.make_playback_processor("song", song)
        self.engine.load_graph([(track, []), (self.encore, ["song"])])
        names = [self.encore.get_parameter_name(i) for i in range(self.encore.get_plugin_parameter_size())]
        self.index = {name: i for i, name in enumerate(names)}

    def await_model(self):
        """The artists' names come with it."""
        begun = time.monotonic()
        self.set("Artist", 1 / 8191)
        while self.text("Artist") == "1":
            if time.monotonic() - begun > WAIT_SECONDS:
                raise TimeoutError(f"no model was loaded within {WAIT_SECONDS} s")
            time.sleep(0.02)

    def set(self, name, normalised):
        self.encore.set_parameter(self.index[name], normalised)

    def text(self, name):
        return self.encore.get_parameter_text(self.index[name])

    def press(self, at_seconds):
        """Writes an automation lane that presses Continue once; never, if None."""
        lane = numpy.zeros(song.shape[1], numpy.float32)
        if at_seconds is not None:
            first = int(at_seconds * rate)
            lane[first : first + rate // 2] = 1.0
        self.encore.set_automation(self.index["Continue"], lane)

    def render(self, name):
        self.engine.render(n_seconds)
        path = folder / f"{name}.f32"
        self.engine.get_audio().T.astype("<f4").tofile(path)
        say(fact="rendered", name=name, path=str(path))


def settings(host):
    return {name: host.text(name) for name in ("Artist", "Length", "Seed", "Output")}


def composer():
    host = Host()
    host.await_model()
    host.set("Length", (length_seconds - 1) / 299)
    host.set("Seed", 7 / 65535)
    host.set("Mute while recording", 0.0)  # dawdreamer says that it records whenever it plays
    return host


host = composer()
say(fact="loaded", version=dawdreamer.__version__, parameters=list(host.index))
host.render("untouched")
host.press(seam_seconds)
host.render("pressed")
host.press(None)
host.render("again")
host.render("and_again")
state = str(folder / "state")
host.encore.save_state(state)
say(fact="saved", n_bytes=pathlib.Path(state).stat().st_size, settings=settings(host))

second = composer()
second.press(seam_seconds)
second.render("second")

reopened = Host()
reopened.encore.load_state(state)
reopened.await_model()
say(fact="reopened", settings=settings(reopened))
reopened.render("recalled")
say(fact="done")
