-- One step of Encore's life in Ardour, without a window; ENCORE_STEP says which:
--   make     a session with a track for the recording, Encore on it, and a second track that records what is heard
--   compose  roll over the recording, Continue pressed by automation; then roll over the take, recording it, until
--            the caller has heard enough; save
--   export   open the session and export it
-- Says what it did in JSON, a line each, and leaves the judging to the caller, who ends the process after "done":
-- Ardour's own way out can hang or abort after an export, with and without a plugin.

local folder, rate = os.getenv("ENCORE_FOLDER"), 48000
local song = tonumber(os.getenv("ENCORE_SONG")) -- whole seconds, as the next two
local seam, length = tonumber(os.getenv("ENCORE_SEAM")), tonumber(os.getenv("ENCORE_LENGTH"))
local superclocks = 282240000 -- Ardour's ticks per second

local function say(facts)
  local words = {}
  for key, value in pairs(facts) do
    words[#words + 1] = string.format(type(value) == "string" and "%q:%q" or "%q:%s", key, tostring(value))
  end
  io.write("{" .. table.concat(words, ",") .. "}\n"); io.flush()
end

-- Lets time pass until something holds; the caller's deadline ends the process if it never does.
local function await(holds)
  while not holds() do ARDOUR.LuaAPI.usleep(10000) end
end

local function engine()
  local backend = AudioEngine:set_backend("None (Dummy)", "Encore", "")
  backend:set_driver("Normal Speed")
  AudioEngine:set_device_name("Silence")
  assert(AudioEngine:start(false) == 0, "the dummy backend does not start")
end

local function open()
  local session = load_session(folder, "encore")
  assert(session, "the session does not load")
  local plugin = session:route_by_name("Song"):nth_plugin(0)
  assert(not plugin:isnil(), "Encore is not on its track")
  return session, plugin
end

-- Where Ardour has a parameter; it leaves out those that cannot be automated.
local function index_of(encore, name)
  local plugin = encore:to_insert():plugin(0)
  for i = 0, plugin:parameter_count() - 1 do
    if (plugin:parameter_label(i)) == name then return i end
  end
  error("Encore has no parameter " .. name)
end

local function rewrite(path, change)
  local file = assert(io.open(path)); local text = file:read("a"); file:close()
  file = assert(io.open(path, "w")); file:write(change(text)); file:close()
end

-- Ardour imports audio through its editor only, so the recording is written into the session's file.
local function place_recording()
  local source = '<Source name="recording.wav" type="audio" flags="" id="90000%d" origin="" channel="%d" gain="1"/>'
  local region = '<Region name="Recording" type="audio" id="900003" opaque="1" start="a0" length="a%d@a0"'
    .. ' sync-position="a0" ancestral-start="a0" ancestral-length="a0@a0" stretch="1" shift="1" layering-index="0"'
    .. ' fade-in-active="0" fade-out-active="0" scale-amplitude="1" first-edit="nothing" channels="2"'
    .. ' source-0="900001" source-1="900002" master-source-0="900001" master-source-1="900002"/>'
  rewrite(folder .. "/encore.ardour", function(text)
    text = text:gsub("<Sources/>", "<Sources>" .. source:format(1, 0) .. source:format(2, 1) .. "</Sources>")
    return (text:gsub('(<Playlist [^>]*name="Song"[^>]*)/>', "%1>" .. region:format(song * superclocks) .. "</Playlist>"))
  end)
end

local function make()
  local session = create_session(folder, "encore", rate)
  local function track(name)
    local mode = ARDOUR.TrackMode.Normal
    for new in session:new_audio_track(2, 2, nil, 1, name, 0xffffffff, mode, true):iter() do return new end
  end
  local song, heard = track("Song"), track("Heard")
  local encore = ARDOUR.LuaAPI.new_plugin(session, "Encore", ARDOUR.PluginType.VST3, "")
  assert(not encore:isnil(), "Ardour's scan did not find Encore")
  song:add_processor_by_index(encore, 0, nil, true)
  for i = 0, 1 do
    local input = heard:input():audio(i)
    input:disconnect_all(); input:connect("Song/audio_out " .. (i + 1))
    heard:output():audio(i):disconnect_all()
  end
  local function set(name, value) ARDOUR.LuaAPI.set_processor_param(encore, index_of(encore, name), value) end
  set("Artist", 1); set("Length", length); set("Seed", 7)
  set("Mute while recording", 0) -- another track records what is heard
  say { fact = "inserted", n_params = encore:to_insert():plugin(0):parameter_count() }
  session:save_state("")
  close_session()
  place_recording()
end

-- Plays from one second to another. A locate is refused while the last stop fades out, so it is asked for again.
local function roll(session, from, to)
  local ui, first, n_polls = ARDOUR.TransportRequestSource.TRS_UI, math.floor(from * rate), 0
  await(function()
    if n_polls % 50 == 0 then session:request_locate(first, false, ARDOUR.LocateTransportDisposition.MustStop, ui) end
    n_polls = n_polls + 1
    return not session:transport_rolling() and session:transport_sample() == first
  end)
  session:request_roll(ui)
  await(function() return session:transport_sample() >= to * rate end)
  session:request_stop(false, false, ui)
  await(function() return not session:transport_rolling() end)
end

local function compose()
  local session, encore = open()
  local continue = encore:to_automatable():automation_control(
    Evoral.Parameter(ARDOUR.AutomationType.PluginAutomation, 0, index_of(encore, "Continue")), true)
  local _, points = ARDOUR.LuaAPI.plugin_automation(encore, index_of(encore, "Continue"))
  for _, point in ipairs { { 0, 0 }, { seam, 1 }, { seam + 1, 0 } } do
    points:add(Temporal.timepos_t(math.floor(point[1] * rate)), point[2], false, true)
  end
  continue:set_automation_state(ARDOUR.AutoState.Play)
  roll(session, 0, seam + 2)
  continue:set_automation_state(ARDOUR.AutoState.Off)
  points:clear_list()
  say { fact = "pressed" }

  local heard = session:route_by_name("Heard"):to_track()
  local seen
  repeat
    heard:rec_enable_control():set_value(1, PBD.GroupControlDisposition.NoGroup)
    session:maybe_enable_record(false)
    roll(session, seam - 1, seam + length + 1)
    session:disable_record(false, false)
    local new
    await(function() -- a recording becomes a region some time after it was stopped
      for region in heard:playlist():region_list():iter() do new = region end
      return new and new:name() ~= seen
    end)
    seen = new:name()
    local function file(channel) return new:source(channel):to_filesource():path() end
    say { fact = "heard", left = file(0), right = file(1), first_frame = new:position():samples() }
  until io.read() ~= "again"
  session:save_state("")
end

local function export()
  local session, encore = open()
  local path = os.getenv("ENCORE_EXPORT")
  local function get(name) return (ARDOUR.LuaAPI.get_processor_param(encore, index_of(encore, name))) end
  say { fact = "reopened", artist = get("Artist"), length = get("Length"), seed = get("Seed") }
  local out = session:simple_export()
  assert(out:set_preset(os.getenv("ENCORE_PRESET")), "Ardour does not know the export preset")
  out:set_folder(path:match("(.*)/")); out:set_name(path:match("([^/]*)%.wav$"))
  out:set_range(0, song * rate)
  assert(out:run_export(), "the export failed")
  say { fact = "exported" }
end

engine()
local ok, problem = pcall(({ make = make, compose = compose, export = export })[os.getenv("ENCORE_STEP")])
say(ok and { fact = "done" } or { fact = "failed", problem = tostring(problem) })
