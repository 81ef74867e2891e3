//! What is remembered, for how long, and who may be asked for next.

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn policy() -> RetryConfig {
    RetryConfig {
        initial: Duration::from_secs(1),
        max: Duration::from_secs(300),
        multiplier: 2.0,
        jitter: 0.0,
        give_up_after: Duration::from_secs(10),
        retry_after_max: Duration::from_secs(3600),
    }
}

fn fail(memory: &mut Memory, lead: &str, now: i64) -> (u64, Asked) {
    memory.asking(lead);
    let (wait, asked) = memory.failed(lead, Sequence(1), &policy(), at(now));
    (wait.as_secs(), asked)
}

#[test]
fn an_answer_holds_for_a_while_and_one_call_at_a_time_is_enough() {
    let mut memory = Memory::default();
    assert!(!memory.knows("a", at(0)));
    memory.asking("a");
    assert!(memory.knows("a", at(0)));
    memory.answered("a", at(60));
    assert!(memory.knows("a", at(59)) && !memory.knows("a", at(60)));
}

#[test]
fn a_failure_closes_for_all_and_brings_the_lead_back() {
    let mut memory = Memory::default();
    assert_eq!(fail(&mut memory, "a", 0), (1, Asked::Again));
    assert!(memory.is_closed(at(0)) && !memory.is_closed(at(1)));
    assert_eq!(memory.next_at(at(0)), Some(at(1)));
    assert_eq!(memory.take_again(at(0)), None);
    let again = memory.take_again(at(1));
    assert_eq!(again, Some(("a".to_owned(), Sequence(1))));
    assert_eq!(fail(&mut memory, "a", 1), (2, Asked::Again));
    // Whoever is answered ends the row.
    memory.answered("b", at(100));
    assert_eq!(fail(&mut memory, "c", 50).0, 1);
    assert!(!memory.is_closed(at(51)));
}

#[test]
fn a_lead_is_given_up_only_while_others_are_answered() {
    let mut memory = Memory::default();
    for now in 0..100 {
        assert_eq!(fail(&mut memory, "a", now * 1000).1, Asked::Again, "{now}");
        memory.take_again(at(i64::from(u32::MAX)));
    }
    let mut given_up = 0;
    for now in 100..200 {
        memory.answered("b", at(0));
        memory.take_again(at(i64::from(u32::MAX)));
        if fail(&mut memory, "a", now * 1000).1 == Asked::OftenEnough {
            break;
        }
        given_up += 1;
    }
    assert_eq!(given_up, MOST_STRIKES - 1);
}

#[test]
fn the_oldest_answers_give_way() {
    let mut memory = Memory::default();
    memory.asking("open");
    for lead in 0..MOST_LEADS + 5 {
        memory.answered(&lead.to_string(), at(60));
    }
    assert_eq!(memory.leads.len(), MOST_LEADS);
    assert_eq!(memory.order.len(), MOST_LEADS - 1);
    assert!(memory.knows("open", at(0)), "it is being asked for");
    assert!(!memory.knows("0", at(0)));
    assert!(memory.knows(&(MOST_LEADS + 4).to_string(), at(0)));
    // The same lead over and over takes no more room.
    for _ in 0..MOST_LEADS {
        memory.answered("again", at(60));
    }
    assert_eq!(memory.leads.len(), MOST_LEADS);
    assert_eq!(memory.order.len(), MOST_LEADS - 1);
}

#[test]
fn so_many_failures_take_up_no_others() {
    let mut memory = Memory::default();
    for lead in 0..MOST_AGAIN {
        assert!(!memory.is_full());
        memory.asking(&lead.to_string());
        let event = Sequence(i64::try_from(lead).unwrap());
        memory.failed(&lead.to_string(), event, &policy(), at(0));
    }
    assert!(memory.is_full());
}
