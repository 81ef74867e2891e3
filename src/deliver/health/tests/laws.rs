//! Laws of a target's health over random histories.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Wait {
        seconds: u16,
    },
    /// What the loop may do now ends like this.
    Answer {
        lead: u8,
        status: u16,
    },
    Silence {
        lead: u8,
    },
    RetryAfter {
        lead: u8,
        seconds: u16,
    },
    LookUpFails {
        lead: u8,
    },
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let status = prop::sample::select(vec![200, 200, 404, 401, 302, 405, 422, 500, 502, 501]);
    let lead = 0u8..14;
    let one = prop_oneof![
        3 => (0u16..90).prop_map(|seconds| Step::Wait { seconds }),
        8 => (lead.clone(), status).prop_map(|(lead, status)| Step::Answer { lead, status }),
        2 => lead.clone().prop_map(|lead| Step::Silence { lead }),
        1 => (lead.clone(), 1u16..5000).prop_map(|(lead, seconds)| Step::RetryAfter { lead, seconds }),
        1 => lead.prop_map(|lead| Step::LookUpFails { lead }),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(one, 1..80)
}

struct Machine {
    health: Health,
    now: Timestamp,
    lost_ms: i64,
    rows: i64,
    /// Held deliveries as the store has them.
    stored: Vec<HeldDelivery>,
}

impl Machine {
    fn new() -> Self {
        Self {
            health: Health::default(),
            now: at(0),
            lost_ms: 0,
            rows: 0,
            stored: Vec::new(),
        }
    }

    fn retry(&self, fate_unknown: bool, gate: Option<Timestamp>, weight: Weight) -> Retry {
        Retry {
            at: self.now,
            fate_unknown,
            gate,
            weight,
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Wait { seconds } => {
                self.now = after(self.now, Duration::from_secs(u64::from(*seconds)));
            }
            Step::Restart => {
                let saved = serde_json::to_string(&self.health).unwrap();
                self.health = serde_json::from_str(&saved).unwrap();
                let recent = vec![String::from("L0"), String::from("L1")];
                self.health.remember(self.stored.clone(), recent);
            }
            Step::Answer { lead, status } => self.answer(&format!("L{lead}"), Some(*status)),
            Step::Silence { lead } => self.answer(&format!("L{lead}"), None),
            Step::RetryAfter { lead, seconds } => {
                let until = after(self.now, Duration::from_secs(u64::from(*seconds)));
                let retry = self.retry(false, Some(until), Weight::Answer);
                self.health
                    .saw_retry(&format!("L{lead}"), &retry, (&BREAKER, &RETRY), self.now);
            }
            Step::LookUpFails { lead } => {
                let retry = self.retry(true, None, Weight::Nothing);
                self.health
                    .saw_retry(&format!("L{lead}"), &retry, (&BREAKER, &RETRY), self.now);
            }
        }
    }

    /// Does what is permitted; the call ends with `status`.
    fn answer(&mut self, lead: &str, status: Option<u16>) {
        match self.health.permission(self.now) {
            // A call that was under way may still end.
            Permission::Wait { .. }
            | Permission::Open { .. }
            | Permission::ProbeDelivery { .. } => {
                self.write_ends(lead, status);
            }
            Permission::JudgeRead { lead_id } | Permission::ProbeRead { lead_id } => {
                self.health.begin_read(self.now);
                let ruling = self.health.saw_read(&lead_id, status, self.now);
                self.rule(ruling);
            }
            Permission::Unanswerable => {
                let ruling = self.health.unanswerable(self.now);
                self.rule(ruling);
            }
        }
    }

    fn rule(&mut self, ruling: HeldRuling) {
        if let HeldRuling::Own(ruled) | HeldRuling::DueNow(ruled) | HeldRuling::Backoff(ruled) =
            ruling
        {
            self.stored.retain(|held| !ruled.contains(held));
        }
    }

    fn write_ends(&mut self, lead: &str, status: Option<u16>) {
        match status.map(class) {
            Some(Class::Accepted) => {
                self.health.saw_accepted(lead, self.now);
            }
            Some(Class::Own) => {
                self.health.saw_working(self.now);
            }
            Some(Class::Whose) => {
                if self.health.saw_refusal(lead, self.now) {
                    self.rows += 1;
                    let delivery = held(self.rows, lead, status.unwrap_or_default());
                    self.stored.push(delivery.clone());
                    self.health.hold(delivery);
                }
            }
            Some(Class::Busy) | None => {
                let retry = self.retry(true, None, Weight::Failure);
                self.health
                    .saw_retry(lead, &retry, (&BREAKER, &RETRY), self.now);
            }
        }
    }

    fn check(&mut self) {
        let permission = self.health.permission(self.now);
        let gated = self
            .health
            .gate
            .as_ref()
            .is_some_and(|gate| self.now < gate.until);
        if gated {
            assert!(
                matches!(permission, Permission::Wait { .. }),
                "through the gate: {permission:?}"
            );
        }
        if self.health.pause.is_some() || self.health.breaker.open.is_some() {
            assert!(
                !matches!(permission, Permission::Open { .. }),
                "{permission:?}"
            );
        }
        if let Permission::Wait { until: Some(until) } = permission {
            assert!(until > self.now, "waits for what has passed");
        }
        let lost_ms = self.health.lost_ms(self.now);
        assert!(
            lost_ms >= self.lost_ms,
            "lost time went back: {lost_ms} < {}",
            self.lost_ms
        );
        let passed = self.now.as_millisecond() - at(0).as_millisecond();
        assert!(lost_ms <= passed, "more time was lost than passed");
        self.lost_ms = lost_ms;
        let kept: Vec<_> = self
            .health
            .held
            .iter()
            .map(|held| held.delivery.clone())
            .collect();
        assert_eq!(kept, self.stored, "held here and in the store differ");
    }
}

/// From here on everything is answered 200: how long until work flows freely again?
fn recover(machine: &mut Machine) -> Result<Duration, String> {
    let began = machine.now;
    for number in 0..200u32 {
        match machine.health.permission(machine.now) {
            Permission::Open { .. } if machine.health.held.is_empty() => {
                return Ok(Duration::try_from(machine.now.duration_since(began)).unwrap());
            }
            Permission::Open { until: Some(until) } | Permission::Wait { until: Some(until) } => {
                machine.now = until;
            }
            // A read judges what was held before it began.
            Permission::JudgeRead { .. } => {
                machine.now = after(machine.now, Duration::from_millis(1));
                machine.answer("fresh", Some(200));
            }
            Permission::Open { until: None } | Permission::Wait { until: None } => {
                return Err(String::from("waits for nothing"));
            }
            _ => machine.answer(&format!("fresh-{number}"), Some(200)),
        }
        machine.check();
    }
    Err(format!("never: {:?}", machine.health))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_state_permits_what_it_must_not_and_each_has_a_way_out(steps in steps()) {
        let mut machine = Machine::new();
        for step in &steps {
            machine.step(step);
            machine.check();
        }
        let gate = machine.health.gate.as_ref().map_or(machine.now, |gate| gate.until);
        let gated = crate::clock::until(machine.now, gate);
        match recover(&mut machine) {
            Ok(took) => prop_assert!(
                took <= gated + Duration::from_secs(120),
                "it took {took:?}, of which the gate {gated:?}"
            ),
            Err(why) => prop_assert!(false, "{}", why),
        }
    }

    /// While the breaker is open or the target paused, probes are a wait apart.
    #[test]
    fn probes_never_follow_each_other_at_once(steps in steps()) {
        let mut machine = Machine::new();
        for step in &steps {
            machine.step(step);
        }
        // Whatever it was: now it fails for everybody.
        for lead in 0..6 {
            machine.write_ends(&format!("L{lead}"), None);
        }
        let is_probing = machine.health.pause.is_some() || machine.health.breaker.open.is_some();
        prop_assert!(is_probing);
        while let Permission::Wait { until: Some(until) } = machine.health.permission(machine.now) {
            machine.now = until;
        }
        for (lead, status) in (0..).zip([500, 0, 502, 0, 0, 500]) {
            let probed = matches!(
                machine.health.permission(machine.now),
                Permission::ProbeDelivery { .. } | Permission::ProbeRead { .. }
            );
            prop_assert!(probed);
            let sends = matches!(machine.health.permission(machine.now), Permission::ProbeDelivery { .. });
            if sends && status == 0 {
                machine.step(&Step::LookUpFails { lead });
            } else {
                machine.answer("fresh", Some(status.max(500)));
            }
            let next = machine.health.permission(machine.now);
            let at_once = matches!(next, Permission::ProbeDelivery { .. } | Permission::ProbeRead { .. });
            prop_assert!(!at_once, "{next:?} at once after {status}");
            if let Permission::Wait { until: Some(until) } = next {
                machine.now = until;
            }
        }
    }
}
