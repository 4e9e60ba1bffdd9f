//! The editor in a real window, in both formats: it draws, it resizes, it closes and opens again, and it
//! rests when nothing moves. Needs a display; `xvfb-run cargo test --test gui` brings one.

mod hosts;

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use clack_extensions::gui::{GuiApiType, GuiConfiguration, GuiSize, PluginGui, Window};
use encore::params::ParamId;
use hosts::{
    Instance, Play, Song,
    clap::{Clap, ClapInstance},
    recording, silence,
    vst3::Vst3,
    x11::{HostWindow, has_display, n_colours},
};
use vst3::{
    ComPtr,
    Steinberg::{Vst::*, *},
};

/// Fewest colours of something that was drawn and not just filled; edges of letters alone are more.
const N_COLOURS: usize = 40;

/// One window at a time: they are drawn in software, on few cores.
static TURN: Mutex<()> = Mutex::new(());

/// Runs the main loop for a while, with audio in between as a song that rolls from its start.
fn run(encore: &mut dyn Instance, seconds: f64) {
    run_at(encore, 0, seconds, swell);
}

/// The same until a window is drawn at this size, however slow the machine is just now.
fn run_until_drawn(encore: &mut dyn Instance, window: &HostWindow, width: u32, height: u32) {
    let begun = Instant::now();
    let is_drawn = || {
        window.children() == [(width, height)]
            && n_colours(&window.pixels(width, height)) > N_COLOURS
    };
    while !is_drawn() && begun.elapsed() < Duration::from_secs(60) {
        run(encore, 0.2);
    }
}

/// The same from another place in the song.
fn run_at(encore: &mut dyn Instance, start: i64, seconds: f64, input: fn(usize) -> [f32; 2]) {
    let begun = Instant::now();
    let mut n_played = start;
    while begun.elapsed().as_secs_f64() < seconds {
        encore.main_thread();
        let song = Song::Rolls(n_played);
        encore.play(&Play { n_frames: 960, song, input, ..Play::default() });
        n_played += 960;
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A tone that swells, so that there is something to see.
fn swell(frame: usize) -> [f32; 2] {
    let tone = (frame as f32 * 0.05).sin();
    let level = 0.2 + 0.5 * (frame % 960) as f32 / 960.0;
    [level * tone, 0.7 * level * tone]
}

#[test]
fn the_clap_editor_draws_itself_at_two_sizes() {
    if !has_display() {
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let clap = Clap::load();
    let mut encore = clap.instance();
    let gui: PluginGui = encore.plugin.plugin_handle().get_extension().expect("an editor");
    let config = GuiConfiguration { api_type: GuiApiType::X11, is_floating: false };
    let window = HostWindow::open(1000, 640);

    for round in 0..2 {
        open_clap(&mut encore, &gui, config, &window);
        for (width, height) in [(800, 500), (1280, 800)] {
            window.resize(width, height);
            let size = GuiSize { width, height };
            gui.set_size(&encore.plugin.plugin_handle(), size).expect("a new size");
            run(&mut encore, 1.5);
            run_until_drawn(&mut encore, &window, width, height);

            assert_eq!(window.children(), [(width, height)]);
            let picture = window.photograph(width, height, &format!("editor-{width}x{height}"));
            let n = n_colours(&picture);
            assert!(n > N_COLOURS, "round {round}: {n} colours at {width} x {height}");
        }
        gui.destroy(&encore.plugin.plugin_handle());
        assert!(window.becomes_empty());
    }
}

/// An instance with its editor in a window of the host.
fn in_a_window(clap: &Clap) -> (ClapInstance, PluginGui, HostWindow) {
    let mut encore = clap.instance();
    let gui: PluginGui = encore.plugin.plugin_handle().get_extension().expect("an editor");
    let config = GuiConfiguration { api_type: GuiApiType::X11, is_floating: false };
    let window = HostWindow::open(1000, 640);
    open_clap(&mut encore, &gui, config, &window);
    (encore, gui, window)
}

fn open_clap(
    encore: &mut ClapInstance,
    gui: &PluginGui,
    config: GuiConfiguration,
    window: &HostWindow,
) {
    let handle = encore.plugin.plugin_handle();
    assert!(gui.is_api_supported(&handle, config));
    assert!(!gui.is_api_supported(&handle, GuiConfiguration { is_floating: true, ..config }));
    gui.create(&handle, config).expect("an editor");
    assert!(gui.can_resize(&handle));
    let least = gui.adjust_size(&handle, GuiSize { width: 10, height: 10 });
    assert_eq!(least, Some(GuiSize { width: 800, height: 500 }));
    // SAFETY: the window outlives the editor.
    unsafe { gui.set_parent(&handle, Window::from_x11_handle(window.id.into())) }
        .expect("a parent");
    gui.show(&handle).expect("it shows");
}

#[test]
fn a_click_on_continue_composes_and_is_recorded_by_the_host() {
    if !has_display() {
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let clap = Clap::load();
    let (mut encore, gui, window) = in_a_window(&clap);
    run(&mut encore, 2.0); // the model is loaded
    let end = 4 * 48_000;
    choose_style(&mut encore);
    encore.play(&Play { n_frames: end as usize, input: recording, ..Play::default() });
    let rests = Play { song: Song::Rests(end), n_frames: 480, input: silence, ..Play::default() };
    encore.play(&rests);
    std::thread::sleep(Duration::from_millis(300));

    let (x, y) = continue_button(&window.pixels(1000, 640));
    window.click(x, y);

    let told = encore.play(&rests).told;
    let id = ParamId::Continue.param().host_id;
    let told: Vec<_> = told.into_iter().map(|(_, id, value)| (id, value)).collect();
    assert_eq!(told, [(id, 1.0), (id, 0.0)]);
    let begun = Instant::now();
    let sounds = |encore: &mut ClapInstance| {
        let near_its_end = Song::Rolls(end + 19 * 24_000);
        let rolls = Play { song: near_its_end, n_frames: 2_400, ..rests.clone() };
        encore.play(&rolls).left.iter().any(|s| s.abs() > 0.001)
    };
    while !sounds(&mut encore) {
        assert!(begun.elapsed() < Duration::from_secs(120), "no whole take after two minutes");
        std::thread::sleep(Duration::from_millis(50));
    }
    run_at(&mut encore, end, 2.0, silence); // the playhead in the take
    window.photograph(1000, 640, "editor-take");
    gui.destroy(&encore.plugin.plugin_handle());
}

/// Picks the recording's own style, as a host's automation would.
fn choose_style(encore: &mut ClapInstance) {
    let styles = [(ParamId::Artist, "Foundry"), (ParamId::Genre, "house")];
    let events = styles.map(|(id, name)| {
        let host_id = id.param().host_id;
        (0, host_id, encore.parse(host_id, name).expect("the starter pack has it"))
    });
    let events = events.into();
    encore.play(&Play { song: Song::Rests(0), n_frames: 64, events, ..Play::default() });
}

/// The middle of the amber field in the lower left.
fn continue_button(editor: &image::RgbImage) -> (u32, u32) {
    let is_amber = |&(x, y, p): &(u32, u32, &image::Rgb<u8>)| {
        x < 200 && y > 250 && p[0] > 220 && (150..200).contains(&p[1]) && p[2] < 110
    };
    let field: Vec<_> = editor.enumerate_pixels().filter(is_amber).collect();
    let n = field.len() as u32;
    assert!(n > 1000, "there is no Continue button");
    (field.iter().map(|p| p.0).sum::<u32>() / n, field.iter().map(|p| p.1).sum::<u32>() / n)
}

#[test]
fn an_instance_may_go_while_its_editor_is_open() {
    if !has_display() {
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let clap = Clap::load();
    let window = HostWindow::open(1000, 640);
    for _ in 0..3 {
        let mut encore = clap.instance();
        let gui: PluginGui = encore.plugin.plugin_handle().get_extension().expect("an editor");
        let config = GuiConfiguration { api_type: GuiApiType::X11, is_floating: false };
        open_clap(&mut encore, &gui, config, &window);
        run(&mut encore, 0.1);

        drop(encore);

        assert!(window.becomes_empty());
    }
}

#[test]
fn the_vst3_editor_is_removed_and_attached_again() {
    if !has_display() {
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let vst3 = Vst3::load();
    let mut encore = vst3.instance();
    let window = HostWindow::open(1000, 640);
    let frame = encore.host.to_com_ptr::<IPlugFrame>().expect("it is one");
    let n_timers_before = encore.log.timers.borrow().len();

    // SAFETY: the name ends with a zero, and the window and the frame outlive the view.
    unsafe {
        let view = ComPtr::from_raw(encore.controller.createView(c"editor".as_ptr()));
        let view = view.expect("a view");
        assert_eq!(view.setFrame(frame.as_ptr()), kResultOk);
        for (width, height) in [(1000, 640), (900, 600), (1000, 640)] {
            let parent = window.id as usize as *mut std::ffi::c_void;
            assert_eq!(view.attached(parent, c"X11EmbedWindowID".as_ptr()), kResultOk);
            assert_eq!(encore.log.timers.borrow().len(), n_timers_before + 1);
            window.resize(width, height);
            let mut size = ViewRect { left: 0, top: 0, right: width as i32, bottom: height as i32 };
            assert_eq!(view.onSize(&mut size), kResultOk);
            run(&mut encore, 1.0);
            run_until_drawn(&mut encore, &window, width, height);

            assert_eq!(window.children(), [(width, height)]);
            let n = n_colours(&window.pixels(width, height));
            assert!(n > N_COLOURS, "{n} colours at {width} x {height}");
            assert_eq!(view.removed(), kResultOk);
            assert!(window.becomes_empty());
            assert_eq!(encore.log.timers.borrow().len(), n_timers_before);
        }
        view.setFrame(std::ptr::null_mut());
    }
}

#[test]
fn an_editor_in_which_nothing_moves_draws_nothing() {
    if !has_display() {
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let clap = Clap::load();
    let (mut encore, gui, _window) = in_a_window(&clap);
    run(&mut encore, 3.0); // the model is loaded, the meters have been seen
    std::thread::sleep(Duration::from_secs(4)); // and have fallen

    let before = processor_time();
    std::thread::sleep(Duration::from_secs(2));
    let used = processor_time() - before;

    assert!(used < Duration::from_millis(100), "an idle editor used {used:?} in two seconds");
    gui.destroy(&encore.plugin.plugin_handle());
}

/// What this process has used of all processors.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux tells");
    let fields: Vec<_> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|f| f.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10) // a tick is 1/100 s on every Linux we know
}
