//! A seeded simulation: two senders, few leads, faults, kills, jumps of the clock, and the whole
//! bridge in between. Whatever happens, nothing is lost, reordered, doubled or sent too often.
//!
//! `SIMULATION_SEED=n` runs one seed; otherwise a few fixed ones and, one way, one of the day. The seed
//! decides what is sent and what goes wrong; the scheduling of threads is the machine's.
//!
//! `world` holds the bridge and its surroundings, `one_way` its configuration, `senders` makes
//! webhooks, `faults` makes trouble, `laws` says what must hold at the end. `two_way` is another
//! world: three systems that are written to and report it, and a model of the rules beside it.

#![expect(
    clippy::unwrap_used,
    reason = "a test may unwrap, and so may what it stands on"
)]

use std::time::Duration;

mod dice;
mod faults;
mod laws;
mod many;
mod one_way;
mod senders;
mod two_way;
mod world;

use dice::Dice;
use senders::Senders;
use world::World;

const FIXED_SEEDS: [u64; 3] = [1, 20_260_801, 0xB21D_6E00];
const STEPS: u32 = 70;
/// Moves of the clock after the last fault until everything must be at rest.
const MOST_DRAINS: u32 = 3000;

/// Says which seed it was when a law is broken.
struct SeedShown(u64);

impl Drop for SeedShown {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("run it again with SIMULATION_SEED={}", self.0);
        }
    }
}

#[test]
fn nothing_is_lost_reordered_doubled_or_sent_too_often() {
    for_each_seed(simulate);
}

fn for_each_seed(simulate: impl FnMut(u64)) {
    for_seeds(
        FIXED_SEEDS.into_iter().chain([Dice::of_the_moment()]),
        simulate,
    );
}

fn for_seeds(seeds: impl Iterator<Item = u64>, mut simulate: impl FnMut(u64)) {
    let seeds = match std::env::var("SIMULATION_SEED") {
        Ok(seed) => vec![seed.parse().expect("SIMULATION_SEED is a whole number")],
        Err(_) => seeds.collect(),
    };
    for seed in seeds {
        let _shown = SeedShown(seed);
        simulate(seed);
    }
}

fn simulate(seed: u64) {
    let mut dice = Dice::new(seed);
    let mut world = World::start(one_way::setup());
    let mut senders = Senders::default();
    for _ in 0..STEPS {
        match dice.below(100) {
            0..=49 => {
                let webhooks = senders.some(&mut dice, world.now());
                senders.note(world.post(webhooks));
            }
            50..=71 => faults::add_some(&mut dice, &world),
            72..=79 => {
                // Some of these are on their way when the process dies.
                let webhooks = senders.some(&mut dice, world.now());
                let posting = world.post_meanwhile(webhooks);
                if dice.one_in(2) {
                    world.let_it_work();
                }
                world.kill();
                senders.note(world.finish(posting));
                if dice.one_in(3) {
                    one_way::cover_everything(&world);
                }
                world.start_bridge();
            }
            80..=82 => {
                world.stop_bridge();
                world.start_bridge();
            }
            83..=84 => world.advance(Duration::from_secs(3600 * dice.between(1, 30))),
            85..=87 => world.sandbox().clear_faults(),
            _ => {}
        }
        world.advance(Duration::from_millis(dice.between(0, 1500)));
        if !dice.one_in(4) {
            world.let_it_work();
        }
    }
    world.sandbox().clear_faults();
    let last = senders.one_that_links_each_lead();
    senders.note(world.post(last));
    drain(&mut world);
    laws::check(world, &senders);
}

fn drain(world: &mut World) {
    for _ in 0..MOST_DRAINS {
        world.let_it_work();
        if world.is_at_rest() {
            return;
        }
        world.advance(Duration::from_millis(500));
    }
    panic!(
        "not at rest after all faults have gone: {}",
        world.what_is_left()
    );
}
