//! A host's window on a real X11 display, and what can be seen in it.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use x11rb::{
    COPY_DEPTH_FROM_PARENT,
    connection::Connection,
    protocol::xproto::{
        BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ButtonPressEvent, ConfigureWindowAux,
        ConnectionExt as _, CreateWindowAux, EventMask, ImageFormat, KeyButMask,
        MOTION_NOTIFY_EVENT, WindowClass,
    },
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

/// Whether there is a display. Without one the caller skips, unless `ENCORE_REQUIRE_DISPLAY` is 1.
pub fn has_display() -> bool {
    let is_required = std::env::var("ENCORE_REQUIRE_DISPLAY").is_ok_and(|v| v == "1");
    let has = std::env::var_os("DISPLAY").is_some();
    assert!(has || !is_required, "ENCORE_REQUIRE_DISPLAY is 1, but DISPLAY is not set");
    if !has {
        println!("skipped: DISPLAY is not set");
    }
    has
}

/// A window with a child that a plugin puts into it.
pub struct HostWindow {
    connection: RustConnection,
    pub id: u32,
}

impl HostWindow {
    /// Opens and shows it.
    pub fn open(width: u32, height: u32) -> Self {
        let (connection, screen) = x11rb::connect(None).expect("a display");
        let root = &connection.setup().roots[screen];
        let id = connection.generate_id().expect("an id");
        connection
            .create_window(
                COPY_DEPTH_FROM_PARENT,
                id,
                root.root,
                0,
                0,
                width as u16,
                height as u16,
                0,
                WindowClass::INPUT_OUTPUT,
                root.root_visual,
                &CreateWindowAux::new(),
            )
            .expect("a window");
        connection.map_window(id).expect("a window that shows");
        let nobody = x11rb::NONE; // and the pointer out of the way: no tooltips in pictures
        connection.warp_pointer(nobody, root.root, 0, 0, 0, 0, i16::MAX, i16::MAX).expect("sent");
        connection.sync().expect("a display that listens");
        Self { connection, id }
    }

    pub fn resize(&self, width: u32, height: u32) {
        let size = ConfigureWindowAux::new().width(width).height(height);
        self.connection.configure_window(self.id, &size).expect("a new size");
        self.connection.sync().expect("a display that listens");
    }

    /// Sizes of the windows inside.
    pub fn children(&self) -> Vec<(u32, u32)> {
        let size = |child: &u32| {
            let shape = self.connection.get_geometry(*child).expect("asked").reply().ok()?;
            Some((shape.width.into(), shape.height.into()))
        };
        self.child_ids().iter().filter_map(size).collect()
    }

    fn child_ids(&self) -> Vec<u32> {
        let tree = self.connection.query_tree(self.id).expect("asked");
        tree.reply().expect("answered").children
    }

    /// Moves the pointer over the editor to a pixel of it, and presses and releases the left button.
    pub fn click(&self, x: u32, y: u32) {
        let editor = self.child_ids()[0];
        let nobody = x11rb::NONE;
        let event = |response_type, state| ButtonPressEvent {
            response_type,
            detail: 1,
            sequence: 0,
            time: x11rb::CURRENT_TIME,
            root: nobody,
            event: editor,
            child: nobody,
            root_x: x as i16,
            root_y: y as i16,
            event_x: x as i16,
            event_y: y as i16,
            state,
            same_screen: true,
        };
        let steps = [
            (MOTION_NOTIFY_EVENT, KeyButMask::default()),
            (BUTTON_PRESS_EVENT, KeyButMask::default()),
            (BUTTON_RELEASE_EVENT, KeyButMask::BUTTON1),
        ];
        for (kind, state) in steps {
            let event = event(kind, state); // a motion has the same layout
            let sent = self.connection.send_event(false, editor, EventMask::NO_EVENT, event);
            sent.expect("an event").check().expect("the editor's window is there");
            std::thread::sleep(Duration::from_millis(100)); // a frame is drawn in between
        }
    }

    /// Whether nothing is inside, or soon: the display hears of a closed window a little later.
    pub fn becomes_empty(&self) -> bool {
        let end = Instant::now() + Duration::from_secs(2);
        while !self.children().is_empty() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.children().is_empty()
    }

    /// What is shown, as red, green and blue of each pixel.
    pub fn pixels(&self, width: u32, height: u32) -> image::RgbImage {
        let shown = self
            .connection
            .get_image(ImageFormat::Z_PIXMAP, self.id, 0, 0, width as u16, height as u16, u32::MAX)
            .expect("asked")
            .reply()
            .expect("the window is on the screen");
        let bytes_per_pixel = shown.data.len() / (width * height) as usize;
        assert_eq!(bytes_per_pixel, 4, "a display of {} bits", shown.depth);
        image::RgbImage::from_fn(width, height, |x, y| {
            let at = 4 * (y * width + x) as usize;
            image::Rgb([shown.data[at + 2], shown.data[at + 1], shown.data[at]])
        })
    }

    /// [`Self::pixels`], also written to `target/gui/NAME.png`.
    pub fn photograph(&self, width: u32, height: u32, name: &str) -> image::RgbImage {
        let picture = self.pixels(width, height);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/gui");
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        picture.save(folder.join(format!("{name}.png"))).expect("a picture");
        picture
    }
}

/// Number of different colours.
pub fn n_colours(picture: &image::RgbImage) -> usize {
    picture.pixels().collect::<std::collections::HashSet<_>>().len()
}
