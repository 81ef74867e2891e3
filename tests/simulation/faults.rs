//! Trouble at the target: refusals, silence, broken connections, waits; each for a few calls.

use leadping_bridge::sandbox::{Fault, FaultAnswer, FaultRule, FaultScope};

use crate::dice::Dice;
use crate::world::World;

/// Every 429 of the simulation asks to wait so long.
pub const RETRY_AFTER_SECONDS: i64 = 30;

pub fn add_some(dice: &mut Dice, world: &World) {
    for _ in 0..dice.between(1, 2) {
        let scope = *dice.pick(&[
            FaultScope::Set,
            FaultScope::Set,
            FaultScope::Any,
            FaultScope::Read,
        ]);
        let times = u32::try_from(dice.between(1, 14)).unwrap();
        let mut rule = FaultRule::always(scope, fault(dice)).times(times);
        if dice.one_in(3) {
            rule = rule.lead(format!("L{}", dice.below(crate::senders::LEADS)));
        }
        world.sandbox().add_fault(rule);
    }
}

fn fault(dice: &mut Dice) -> Fault {
    let answer = |status| FaultAnswer::status(status);
    match dice.below(12) {
        0 => Fault::Answer(FaultAnswer {
            retry_after: Some(RETRY_AFTER_SECONDS.to_string()),
            ..answer(429)
        }),
        1 | 2 => Fault::Answer(answer(*dice.pick(&[500, 502, 503, 504, 408, 425, 501]))),
        3 | 4 => Fault::Answer(answer(*dice.pick(&[401, 403, 404, 405, 410, 301]))),
        5 => Fault::Answer(answer(*dice.pick(&[400, 409, 422]))),
        6 => Fault::DropBefore,
        7 | 8 => Fault::DropAfterApply,
        9 => Fault::TruncateAfterApply,
        // Only answers that leave the fate open: others say that nothing happened.
        _ => Fault::AnswerAfterApply(answer(*dice.pick(&[500, 502, 503, 504]))),
    }
}
