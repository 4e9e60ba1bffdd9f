"""Encore in pedalboard, which tells plugins nothing about a song: what passes, the parameters, the state.

Usage: pedalboard_host.py BUNDLE RECORDING FOLDER
Says what it did in JSON, a line each; audio goes to FOLDER/*.f32, interleaved stereo. The caller judges.
"""

import json
import pathlib
import sys
import wave

import numpy
import pedalboard

bundle, recording, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
SETTINGS = ("artist", "length", "seed", "output", "follow_transport")


def say(**facts):
    print(json.dumps(facts), flush=True)


with wave.open(recording) as file:
    rate, samples = file.getframerate(), numpy.frombuffer(file.readframes(file.getnframes()), "<i2")
song = (samples.reshape(-1, 2).T / 32768).astype(numpy.float32)


def process(encore, name, **how):
    path = folder / f"{name}.f32"
    encore.process(song, rate, **how).T.astype("<f4").tofile(path)
    say(fact="processed", name=name, path=str(path))


def settings(encore):
    return {name: encore.parameters[name].string_value for name in SETTINGS}


encore = pedalboard.load_plugin(bundle)
say(fact="loaded", version=pedalboard.__version__, parameters=[p.name for p in encore.parameters.values()])
process(encore, "untouched")
process(encore, "small_blocks", buffer_size=37, reset=False)
encore.output = -20.0
process(encore, "quieter", reset=False)
encore.parameters["length"].raw_value = 0.04
encore.parameters["seed"].raw_value = 77 / 65535
encore.follow_transport = False
saved = encore.raw_state
say(fact="saved", n_bytes=len(saved), settings=settings(encore))

reopened = pedalboard.load_plugin(bundle)
reopened.raw_state = saved
say(fact="reopened", settings=settings(reopened))
process(reopened, "reopened")
say(fact="done")
