//! Paints egui's triangles into a picture, on the CPU: no display, no driver, the same pixels everywhere.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use egui::{
    ColorImage, ImageData, Pos2, Rect, TextureId, TexturesDelta,
    epaint::{Primitive, Vertex},
};
use egui_kittest::TestRenderer;
use image::{Rgba, RgbaImage};

use crate::fakes::Window;

/// The textures of a window, kept as egui changes them.
#[derive(Clone, Default)]
pub struct Painter {
    textures: Rc<RefCell<HashMap<TextureId, ColorImage>>>,
}

impl TestRenderer for Painter {
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        let mut textures = self.textures.borrow_mut();
        for (id, deltas) in delta.set.drain() {
            for delta in deltas {
                let ImageData::Color(patch) = delta.image;
                match (delta.pos, textures.get_mut(&id)) {
                    (Some([x, y]), Some(whole)) => {
                        for (row, pixels) in patch.pixels.chunks(patch.size[0]).enumerate() {
                            let at = (y + row) * whole.size[0] + x;
                            whole.pixels[at..at + pixels.len()].copy_from_slice(pixels);
                        }
                    }
                    _ => drop(textures.insert(id, (*patch).clone())),
                }
            }
        }
        delta.free.drain().for_each(|id| drop(textures.remove(&id)));
    }
}

impl Painter {
    /// What the window shows now.
    pub fn picture(&self, window: &Window) -> RgbaImage {
        let scale = window.ctx.pixels_per_point();
        let size = window.ctx.content_rect().size() * scale;
        let mut picture = RgbaImage::from_pixel(size.x as u32, size.y as u32, Rgba([0, 0, 0, 255]));
        for primitive in window.ctx.tessellate(window.output().shapes.clone(), scale) {
            let Primitive::Mesh(mesh) = primitive.primitive else { continue };
            let clip =
                (primitive.clip_rect * scale).intersect(Rect::from_min_size(Pos2::ZERO, size));
            let textures = self.textures.borrow();
            let Some(texture) = textures.get(&mesh.texture_id) else { continue };
            for corners in mesh.indices.chunks_exact(3) {
                let corners = [0, 1, 2].map(|i| {
                    let vertex = mesh.vertices[corners[i] as usize];
                    Vertex { pos: vertex.pos * scale, ..vertex }
                });
                paint_triangle(&mut picture, clip, &corners, texture);
            }
        }
        picture
    }
}

/// Every pixel whose centre is inside, with colours and texture coordinates blended between the corners.
fn paint_triangle(
    picture: &mut RgbaImage,
    clip: Rect,
    corners: &[Vertex; 3],
    texture: &ColorImage,
) {
    let [a, b, c] = corners.map(|vertex| vertex.pos);
    let twice_area = (b - a).x * (c - a).y - (b - a).y * (c - a).x;
    let bounds = Rect::from_points(&[a, b, c])
        .intersect(Rect::from_min_max(clip.min.round(), clip.max.round()));
    if twice_area == 0.0 || !bounds.is_positive() {
        return;
    }
    let edge = |from: Pos2, to: Pos2, p: Pos2| {
        ((to - from).x * (p - from).y - (to - from).y * (p - from).x) / twice_area
    };
    let is_plain = corners.iter().all(|vertex| vertex.uv == corners[0].uv);
    let plain = is_plain.then(|| sample(texture, corners[0].uv.x, corners[0].uv.y));
    // A pixel on an edge that two triangles share belongs to one of them.
    let owns = |from: Pos2, to: Pos2, share: f32| {
        let d = (to - from) * twice_area.signum();
        share > 0.0 || (share == 0.0 && (d.y < 0.0 || (d.y == 0.0 && d.x > 0.0)))
    };
    for y in
        (bounds.top() - 0.5).ceil().max(0.0) as u32..(bounds.bottom() + 0.5).floor().max(0.0) as u32
    {
        for x in (bounds.left() - 0.5).ceil().max(0.0) as u32
            ..(bounds.right() + 0.5).floor().max(0.0) as u32
        {
            let p = Pos2::new(x as f32 + 0.5, y as f32 + 0.5);
            let shares = [edge(b, c, p), edge(c, a, p), edge(a, b, p)];
            if !(owns(b, c, shares[0]) && owns(c, a, shares[1]) && owns(a, b, shares[2])) {
                continue;
            }
            let mix = |of: fn(&Vertex) -> f32| -> f32 {
                corners.iter().zip(shares).map(|(vertex, share)| share * of(vertex)).sum()
            };
            let texel = plain.unwrap_or_else(|| sample(texture, mix(|v| v.uv.x), mix(|v| v.uv.y)));
            let color = [
                mix(|v| v.color.r().into()) * texel[0],
                mix(|v| v.color.g().into()) * texel[1],
                mix(|v| v.color.b().into()) * texel[2],
                mix(|v| v.color.a().into()) * texel[3],
            ];
            if let Some(Rgba(below)) = picture.get_pixel_mut_checked(x, y) {
                for (below, over) in below.iter_mut().zip(color).take(3) {
                    *below = (over + f32::from(*below) * (1.0 - color[3] / 255.0)).round() as u8;
                }
            }
        }
    }
}

/// The texture at `(u, v)`, blended between its four nearest texels, 0 to 1.
fn sample(texture: &ColorImage, u: f32, v: f32) -> [f32; 4] {
    let [width, height] = texture.size;
    let (x, y) = (u * width as f32 - 0.5, v * height as f32 - 0.5);
    let texel = |x: f32, y: f32| {
        let x = (x.max(0.0) as usize).min(width - 1);
        let y = (y.max(0.0) as usize).min(height - 1);
        texture.pixels[y * width + x].to_array().map(|channel| f32::from(channel) / 255.0)
    };
    let (left, top) = (x.floor(), y.floor());
    let blend = |a: [f32; 4], b: [f32; 4], share: f32| -> [f32; 4] {
        [0, 1, 2, 3].map(|i: usize| a[i] + share * (b[i] - a[i]))
    };
    let above = blend(texel(left, top), texel(left + 1.0, top), x - left);
    let below = blend(texel(left, top + 1.0), texel(left + 1.0, top + 1.0), x - left);
    blend(above, below, y - top)
}
