"""Encore in Qtractor: a session with the recording, Continue pressed by an automation curve, saved and reopened.

Usage: qtractor_host.py CLAP RECORDING FOLDER SEAM_SECONDS LENGTH_SECONDS NO_SEQUENCER
Starts a JACK server without a sound card, and Qtractor without a screen; NO_SEQUENCER is the library that stands
in for ALSA's sequencer, without which Qtractor does not start. Rolls and records by JACK, opens and saves by the
session manager's protocol (NSM). Says what it did in JSON, a line each; audio goes to FOLDER/*.f32, interleaved
stereo, from the song's first frame on. The caller judges, and answers "again" until it has heard enough.
"""

import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

import jack
import numpy

clap, recording, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
seam_seconds, length_seconds, no_sequencer = float(sys.argv[4]), float(sys.argv[5]), sys.argv[6]
RATE, N_BLOCK, WAIT_SECONDS = 48_000, 1024, 120
BEATS_PER_SECOND, TICKS_PER_BEAT = 2, 960
SERVER = f"encore-{os.getpid()}"


def say(**facts):
    print(json.dumps(facts), flush=True)


def wait_until(holds, what):
    """Polls; an error after WAIT_SECONDS."""
    begun = time.monotonic()
    while not (found := holds()):
        if time.monotonic() - begun > WAIT_SECONDS:
            raise TimeoutError(f"{what}: not within {WAIT_SECONDS} s")
        time.sleep(0.02)
    return found


def start(*command, **variables):
    """A program that ends when this one does; what it prints goes to a file."""
    end_with_parent = lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    log = open(folder / f"{command[0]}.log", "ab")
    environment = {**os.environ, "JACK_DEFAULT_SERVER": SERVER, "JACK_NO_START_SERVER": "1", **variables}
    return subprocess.Popen(command, stdout=log, stderr=log, env=environment, preexec_fn=end_with_parent)


class Manager:
    """As much of a session manager as it takes to open and to save: OSC messages of strings and numbers."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(WAIT_SECONDS)
        self.url = f"osc.udp://127.0.0.1:{self.socket.getsockname()[1]}/"
        self.client = None

    def send(self, path, *texts):
        words = [path, "," + "s" * len(texts), *texts]
        padded = [word.encode() + b"\0" * (4 - len(word.encode()) % 4) for word in words]
        self.socket.sendto(b"".join(padded), self.client)

    def await_message(self, *paths):
        while True:
            message, self.client = self.socket.recvfrom(65536)
            path = message.split(b"\0")[0].decode()
            if path == "/error":
                raise RuntimeError(f"Qtractor: {message!r}")
            if path in paths:
                return

    def open(self, session):
        self.await_message("/nsm/server/announce")
        self.send("/reply", "/nsm/server/announce", "welcome", "Encore's test", ":server-control:")
        self.send("/nsm/client/open", str(session), "session", "Qtractor")
        self.await_message("/reply")

    def save(self):
        self.send("/nsm/client/save")
        self.await_message("/reply")


class Listener:
    """Records what Qtractor's master sends, by the frame of the transport."""

    def __init__(self):
        self.client = wait_until(self.connect, "the JACK server")
        self.ports = [self.client.inports.register(name) for name in ("left", "right")]
        self.song = None
        self.client.set_process_callback(self.process)
        self.client.activate()

    def connect(self):
        try:
            return jack.Client("listener", no_start_server=True, servername=SERVER)
        except jack.JackOpenError:
            return None

    def process(self, n_frames):
        song = self.song
        if song is None or self.client.transport_state != jack.ROLLING:
            return
        first = self.client.transport_frame
        if first + n_frames <= len(song):
            for channel, port in enumerate(self.ports):
                song[first : first + n_frames, channel] = port.get_array()

    def attach(self):
        master = r"Qtractor:Master/out_[12]"
        found = lambda: len(ports := self.client.get_ports(master)) == 2 and ports
        for output, port in zip(wait_until(found, "Qtractor's outputs"), self.ports):
            self.client.connect(output, port)

    def roll(self, name, from_seconds, to_seconds):
        first, last = int(from_seconds * RATE), int(to_seconds * RATE)
        self.client.transport_stop()
        self.client.transport_locate(first)
        wait_until(lambda: self.client.transport_frame == first, "the locate")
        self.song = numpy.zeros((last + N_BLOCK, 2), "<f4")
        self.client.transport_start()
        wait_until(lambda: self.client.transport_frame >= last, "the roll")
        self.client.transport_stop()
        song, self.song = self.song, None
        path = folder / f"{name}.f32"
        song.tofile(path)
        say(fact="heard", name=name, path=str(path))


def curve():
    """A MIDI file whose controller 1 is up for a second from the seam on."""
    seam, second = (int(s * BEATS_PER_SECOND * TICKS_PER_BEAT) for s in (seam_seconds, 1))
    def length(ticks):
        return bytes([0x80 | ticks >> 14 & 0x7F, 0x80 | ticks >> 7 & 0x7F, ticks & 0x7F])
    events = b"".join(length(ticks) + bytes([0xB0, 1, value]) for ticks, value in ((0, 0), (seam, 127), (second, 0)))
    track = events + b"\0\xff\x2f\0"
    header = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, TICKS_PER_BEAT)
    return header + struct.pack(">4sI", b"MTrk", len(track)) + track


def session_text():
    values = {"Artist": (3, 1), "Length": (6, length_seconds), "Seed": (9, 7)}
    params = "".join(f'<param name="{n}" index="{i}">{v}</param>' for n, (i, v) in values.items())
    n_frames = 12 * RATE
    return f"""<!DOCTYPE qtractor-session>
<session name="session" version="0.9.31">
 <properties><directory>{folder}/session</directory><sample-rate>{RATE}</sample-rate>
  <tempo>{60 * BEATS_PER_SECOND}</tempo><ticks-per-beat>{TICKS_PER_BEAT}</ticks-per-beat>
  <beats-per-bar>4</beats-per-bar><beat-divisor>2</beat-divisor></properties>
 <files><audio-list><file name="recording.wav">recording.wav</file></audio-list><midi-list/></files>
 <tracks><track name="Song" type="audio">
  <properties><input-bus>Master</input-bus><output-bus>Master</output-bus></properties>
  <clips><clip name="recording">
   <properties><name>recording</name><clip-start>0</clip-start><clip-offset>0</clip-offset>
    <clip-length>{n_frames}</clip-length><clip-gain>1</clip-gain></properties>
   <audio-clip><filename>recording.wav</filename><time-stretch>1</time-stretch><pitch-shift>1</pitch-shift></audio-clip>
  </clip></clips>
  <plugins><plugin type="CLAP"><filename>{clap}</filename><index>0</index><label>Encore</label>
   <activated>1</activated><params>{params}</params>
   <curve-file><filename>continue.mid</filename><curve-items>
    <curve-item name="Continue" index="1"><type>CONTROLLER</type><channel>0</channel><param>1</param>
     <mode>Hold</mode><process>1</process><capture>0</capture><locked>0</locked><logarithmic>0</logarithmic>
    </curve-item></curve-items></curve-file>
  </plugin></plugins>
 </track></tracks>
</session>
"""


def open_session(listener):
    manager = Manager()
    qtractor = start("qtractor", NSM_URL=manager.url, QT_QPA_PLATFORM="offscreen", LD_PRELOAD=no_sequencer)
    manager.open(folder / "session")
    listener.attach()
    return manager, qtractor


start("jackd", "-n", SERVER, "-r", "-d", "dummy", "-r", str(RATE), "-p", str(N_BLOCK))
listener = Listener()
session = folder / "session" / "session.qtr"
session.parent.mkdir()
shutil.copy(recording, session.parent / "recording.wav")
(session.parent / "continue.mid").write_bytes(curve())
session.write_text(session_text())

manager, qtractor = open_session(listener)
say(fact="opened")
listener.roll("pressed", 0, seam_seconds + 2)
listener.roll("again", seam_seconds - 1, seam_seconds + length_seconds + 1)
manager.save()
say(fact="done")
