//! What is written reads the same, and pays where it costs.

use minijinja::machinery::ast;

use super::*;

#[track_caller]
fn check(source: &str, expected: &str) {
    let read = minijinja::machinery::parse_expr(source).unwrap();
    let written = expression(&read);
    assert_eq!(written, expected, "{source}");
    let again = minijinja::machinery::parse_expr(&written);
    assert!(again.is_ok(), "{written}");
}

#[test]
fn ordinary_conditions_stay_as_they_are() {
    for same in [
        "lead.calls > 20 and event.kind == \"call\"",
        "not (lead.calls < 2 or lead.calls > 3)",
        "event.status in [70, 110, ]",
        "(1 + 2) * 3 - (4 - 5)",
        "a if b else c if d else e",
        "(a if b) if c",
        "-(a.b[\"c\"]|abs()) ** (2 ** 3)",
        "x is defined() and not y is none()",
        "{\"a\": 1.5, }.a == true",
    ] {
        check(same, same);
    }
}

#[test]
fn what_costs_by_size_pays_and_what_may_have_no_order_asks() {
    check("body.a > 1", "body.a|__gt(1)");
    check(
        "not (body.a <= x) == y",
        "not body.a|__le(x)|__weigh == y|__weigh",
    );
    check(
        "1 < lead.calls < 3",
        "1|__row(\"<\", lead.calls, \"<\", 3, )",
    );
    check("a ~ 'x' ~ b", "(a|__weigh ~ \"x\")|__weigh ~ b|__weigh");
    check("'x' in (a or b)", "\"x\" in (a or b)|__weigh");
    check("'x' not in a", "not \"x\" in a|__weigh");
    check("x[1:][::-1]", "((x|__weigh)[1::]|__weigh)[::-1]");
    check("body.a.b", "body[\"\\u0001a\\u0001b\"]");
    check("'a' + lead.calls", "\"a\" + lead.calls");
    check("lead.calls + 1", "lead.calls + 1");
}

#[test]
fn templates_keep_their_text() {
    for source in [
        "a{% if x %}b{% else %}{% raw %}{{ c }}{% endraw %}{% endif %}\n\n",
        "{% for k, v in x %}{{ k }}: {{ v }}\n{% endfor %}",
    ] {
        let render = |source: &str| {
            let environment = minijinja::Environment::empty();
            let context = minijinja::context! { x => [["p", "q"], ["r", "s"]] };
            let read = environment.render_str(source, context);
            read.unwrap_or_else(|error| panic!("{source}: {error:#}"))
        };
        let syntax = minijinja::syntax::SyntaxConfig::default();
        let read = minijinja::machinery::parse(source, "", syntax).unwrap();
        let ast::Stmt::Template(whole) = &read else {
            panic!("no template");
        };
        assert_eq!(render(&template(&whole.children)), render(source));
    }
}
