"""Encore in Qtractor: a session with the recording, Continue pressed by an automation curve, saved and reopened.

Usage: qtractor_host.py CLAP RECORDING FOLDER SEAM_SECONDS LENGTH_SECONDS NO_SEQUENCER
Starts a JACK server without a sound card, and Qtractor without a screen; NO_SEQUENCER is the library that stands
in for ALSA's sequencer. Rolls and records by JACK, and saves by a signal. Says what it did in JSON, a line each;
audio goes to FOLDER/*.f32, interleaved stereo, by the frame of JACK's transport, which Qtractor follows loosely. The
caller judges, and answers "again" after each roll until it has heard enough.
"""

import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree

import jack
import numpy

clap, recording, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
seam_seconds, length_seconds, no_sequencer = float(sys.argv[4]), float(sys.argv[5]), sys.argv[6]
RATE, N_BLOCK, WAIT_SECONDS = 48_000, 1024, 120
BEATS_PER_SECOND, TICKS_PER_BEAT = 2, 960
SERVER = "encore-hosts"  # always the same, so that JACK clears away what a killed one left behind


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
    end_with_parent = lambda: ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    log = open(folder / f"{command[0]}.log", "ab")
    environment = {**os.environ, "JACK_DEFAULT_SERVER": SERVER, "JACK_NO_START_SERVER": "1", **variables}
    return subprocess.Popen(command, stdout=log, stderr=log, env=environment, preexec_fn=end_with_parent)


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
        """Listens to Qtractor's master, as soon as it lets itself be connected."""
        def is_connected():
            master = self.client.get_ports("Qtractor:Master/out_[12]")
            try:
                for output, port in zip(master, self.ports):
                    if not port.is_connected_to(output):
                        self.client.connect(output, port)
                return len(master) == 2
            except jack.JackErrorCode:
                return False
        wait_until(is_connected, "Qtractor's outputs")

    def roll(self, name):
        """Plays from the song's start until the take is over."""
        last = int((seam_seconds + length_seconds + 0.5) * RATE)
        self.client.transport_stop()
        self.client.transport_locate(0)
        wait_until(lambda: self.client.transport_frame == 0, "the locate")
        self.song = numpy.zeros((last + N_BLOCK, 2), "<f4")
        self.client.transport_start()
        wait_until(lambda: self.client.transport_frame >= last, "the roll")
        self.client.transport_stop()
        song, self.song = self.song, None
        path = folder / f"{name}.f32"
        song.tofile(path)
        say(fact="heard", path=str(path))
        return sys.stdin.readline().strip()


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
   <activated>1</activated>
   <curve-file><filename>continue.mid</filename><curve-items>
    <curve-item name="Continue" index="0"><type>CONTROLLER</type><channel>0</channel><param>1</param>
     <mode>Hold</mode><process>1</process><capture>0</capture><locked>0</locked><logarithmic>0</logarithmic>
    </curve-item></curve-items></curve-file>
  </plugin></plugins>
 </track></tracks>
</session>
"""


def open_session(listener):
    """Qtractor with the session, its master heard by the listener."""
    qtractor = start("qtractor", str(session), QT_QPA_PLATFORM="offscreen", LD_PRELOAD=no_sequencer)
    listener.attach()
    return qtractor


def save(qtractor):
    """Asks as a session manager of the kind called LADISH does; the old file goes first, so that the new one shows."""
    session.unlink()
    qtractor.send_signal(signal.SIGUSR1)
    wait_until(lambda: session.exists() and session.read_text().rstrip().endswith("</session>"), "saving")


def settings():
    """What the saved session says of the parameters, and how long Encore's own state in it is."""
    saved = xml.etree.ElementTree.parse(session)
    params = {param.get("name"): param.text for param in saved.iter("param") if param.get("name")}
    states = [config.text.strip() for config in saved.iter("config") if config.get("key") == "state"]
    return {"settings": params, "n_bytes": sum(map(len, states))}


start("jackd", "-n", SERVER, "-r", "-d", "dummy", "-r", str(RATE), "-p", str(N_BLOCK))
listener = Listener()
session = folder / "session" / "session.qtr"
session.parent.mkdir()
shutil.copy(recording, session.parent / "recording.wav")
(session.parent / "continue.mid").write_bytes(curve())
session.write_text(session_text())

qtractor = open_session(listener)
say(fact="opened")
while listener.roll("composed") == "again":
    pass
save(qtractor)
say(fact="saved", **settings())
qtractor.kill()
qtractor.wait()

# Continue is not pressed again
session.write_text(re.sub(r"<curve-file>.*?</curve-file>", "", session.read_text(), flags=re.DOTALL))
wait_until(lambda: not listener.client.get_ports("Qtractor:.*"), "the end of Qtractor")
qtractor = open_session(listener)
while listener.roll("recalled") == "again":
    pass
save(qtractor)
say(fact="reopened", **settings())
say(fact="done")
