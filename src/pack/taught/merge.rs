//! Weights of a prior with a taught artist in them.

use std::sync::Arc;

use candle_core::{DType, Device, Error, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use super::{Adapter, Taught};
use crate::jukebox::weights::{GROUP, Matrices, Precision, Rows};
use crate::jukebox::{JukeboxError, Weights};
use crate::pack::checkpoint::{self, Checkpoint};

/// Tables of a labelled prior.
const ARTISTS: &str = "y_emb.artist_emb.emb.weight";
const GENRES: &str = "y_emb.bow_genre_emb.emb.weight";

/// The weights in a checkpoint, each changed as the artist has it while it is read.
///
/// What is stored quantised is widened, changed and quantised again, so it takes no more memory.
pub fn merged(checkpoint: Checkpoint, taught: &Taught, adapter: Adapter) -> Weights<'static> {
    let (artist_id, genre_id) = (taught.artist_id, taught.genre_id);
    let own = checkpoint::weights(checkpoint.clone());
    let merged = Arc::new(Merged { own, checkpoint, adapter, artist_id, genre_id });
    let tensors =
        VarBuilder::from_backend(Box::new(Shared(Arc::clone(&merged))), DType::F32, Device::Cpu);
    Weights::from(tensors).with_matrices(merged)
}

struct Merged {
    own: VarBuilder<'static>,
    checkpoint: Checkpoint,
    adapter: Adapter,
    artist_id: u32,
    genre_id: Option<u32>,
}

struct Shared(Arc<Merged>);

impl SimpleBackend for Shared {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let tensor = self.get_unchecked(name, dtype, device)?;
        match *tensor.shape() == shape {
            true => Ok(tensor),
            false => Err(Error::UnexpectedShape {
                msg: format!("tensor {name:?} of a taught artist's prior"),
                expected: shape,
                got: tensor.shape().clone(),
            }),
        }
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        let Merged { own, adapter, artist_id, genre_id, .. } = &*self.0;
        let tensor = own.get_unchecked(name)?;
        let tensor = match (name, &adapter.genre, genre_id) {
            (ARTISTS, ..) => with_row(&tensor, *artist_id, &adapter.artist)?,
            (GENRES, Some(row), Some(id)) => with_row(&tensor, *id, row)?,
            _ => match adapter.matrices.get(name) {
                None => tensor,
                Some(change) => {
                    let mut rows = tensor.flatten_all()?.to_vec1::<f32>()?;
                    change.add_rows(0, &mut rows);
                    Tensor::from_vec(rows, tensor.shape(), &Device::Cpu)?
                }
            },
        };
        tensor.to_dtype(dtype)?.to_device(device)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.own.contains_tensor(name)
    }
}

impl Matrices for Merged {
    fn stored_as(&self, name: &str) -> Precision {
        self.checkpoint.stored_as(name)
    }

    fn read(
        &self,
        name: &str,
        shape: [usize; 2],
        take: &mut dyn FnMut(Rows),
    ) -> std::result::Result<(), JukeboxError> {
        let Some(change) = self.adapter.matrices.get(name) else {
            return Matrices::read(&self.checkpoint, name, shape, take);
        };
        let mut n_done = 0;
        let mut changed = Vec::with_capacity(GROUP * shape[1]);
        Matrices::read(&self.checkpoint, name, shape, &mut |rows| {
            changed.clear();
            match rows {
                Rows::Plain(rows) => changed.extend_from_slice(rows),
                Rows::Quantised(group) => {
                    changed.resize(group.n_weights(), 0.0);
                    group.dequantise(&mut changed);
                }
            }
            change.add_rows(n_done, &mut changed);
            n_done += changed.len() / shape[1].max(1);
            take(Rows::Plain(&changed));
        })
    }
}

/// A table `[n, w]` with this row at `id`; rows between its end and `id` are zeros.
fn with_row(table: &Tensor, id: u32, row: &[f32]) -> Result<Tensor> {
    let (n, w) = table.dims2()?;
    let mut rows = table.flatten_all()?.to_vec1::<f32>()?;
    let n_rows = n.max(id as usize + 1);
    rows.resize(n_rows * w, 0.0);
    rows[id as usize * w..][..w].copy_from_slice(row);
    Tensor::from_vec(rows, (n_rows, w), &Device::Cpu)
}
