//! The audio threads, which take turns with the voices they were given.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use crate::{
    tally::{Tally, Times},
    voice::Voice,
};

/// Between two rounds: the engine needs the processor too.
const NAP: Duration = Duration::from_millis(1);

/// What the main thread wants.
enum Order {
    Play(Box<Voice>),
    /// Give the voice back.
    Return(u64, Sender<Box<Voice>>),
}

/// One audio thread.
pub struct Stage {
    orders: Sender<Order>,
    thread: Option<JoinHandle<Times>>,
}

impl Stage {
    /// With room for the times of `n_blocks`.
    pub fn open(tally: Arc<Tally>, n_blocks: usize) -> std::io::Result<Self> {
        let (orders, received) = channel();
        let run = move || run(&received, &tally, Times::with_room(n_blocks));
        let thread = std::thread::Builder::new().name("audio".into()).spawn(run)?;
        Ok(Self { orders, thread: Some(thread) })
    }

    pub fn play(&self, voice: Voice) {
        let _ = self.orders.send(Order::Play(Box::new(voice)));
    }

    /// The voice, once its block has ended; none if the thread has died.
    pub fn give_back(&self, id: u64) -> Option<Box<Voice>> {
        let (reply, voice) = channel();
        self.orders.send(Order::Return(id, reply)).ok()?;
        voice.recv().ok()
    }

    /// Ends the thread; what it measured, or none if it has died.
    pub fn close(mut self) -> Option<Times> {
        let thread = self.thread.take()?;
        drop(self);
        thread.join().ok()
    }
}

fn run(orders: &Receiver<Order>, tally: &Tally, mut times: Times) -> Times {
    let mut voices: Vec<Box<Voice>> = Vec::new();
    loop {
        let order = match orders.try_recv() {
            Err(TryRecvError::Empty) if voices.is_empty() => {
                let Ok(order) = orders.recv() else { return times };
                Some(order)
            }
            Err(TryRecvError::Disconnected) => return times,
            order => order.ok(),
        };
        match order {
            Some(Order::Play(voice)) => voices.push(voice),
            Some(Order::Return(id, reply)) => {
                if let Some(at) = voices.iter().position(|voice| voice.id == id) {
                    let mut voice = voices.swap_remove(at);
                    voice.processor.ensure_processing_stopped();
                    let _ = reply.send(voice);
                }
            }
            None => {
                voices.iter_mut().for_each(|voice| voice.step(tally, &mut times));
                std::thread::sleep(NAP);
            }
        }
    }
}
