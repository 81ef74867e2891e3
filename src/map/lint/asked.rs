//! The comparisons that a template makes on its way, in `if` or anywhere else: what each says, for
//! those who know what can be. Syntax only.

use minijinja::machinery::ast;

use super::needs::parts_of;
use super::syntax::Scope;
use super::{Claim, Logic, Stray, claims, logic, stray};

/// One comparison, or several with `and` and `or` between them.
#[derive(Debug, Clone)]
pub struct Asked {
    pub claims: Vec<Claim>,
    pub logic: Logic,
    /// Values where a question should stand.
    pub strays: Vec<Stray>,
}

pub(super) fn in_template(statements: &[ast::Stmt<'_>], source: &str) -> Vec<Asked> {
    let mut search = Search {
        source,
        found: Vec::new(),
        scope: Scope::default(),
    };
    search.statements(statements);
    search.found
}

struct Search<'a, 's> {
    source: &'s str,
    found: Vec<Asked>,
    /// Inside a loop a name may be another's.
    scope: Scope<'a>,
}

impl<'a> Search<'a, '_> {
    fn statements(&mut self, statements: &[ast::Stmt<'a>]) {
        for statement in statements {
            match statement {
                ast::Stmt::EmitExpr(emit) => self.expression(&emit.expr),
                ast::Stmt::IfCond(choice) => {
                    self.expression(&choice.expr);
                    self.statements(&choice.true_body);
                    self.statements(&choice.false_body);
                }
                ast::Stmt::ForLoop(each) => {
                    self.expression(&each.iter);
                    let outside = self.scope.len();
                    self.scope.enter(each);
                    if let Some(filter) = &each.filter_expr {
                        self.expression(filter);
                    }
                    self.statements(&each.body);
                    self.scope.truncate(outside);
                    self.statements(&each.else_body);
                }
                _ => {}
            }
        }
    }

    fn expression(&mut self, expression: &ast::Expr<'a>) {
        match expression {
            ast::Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr);
                self.expression(&choice.true_expr);
                if let Some(otherwise) = &choice.false_expr {
                    self.expression(otherwise);
                }
            }
            ast::Expr::BinOp(_) | ast::Expr::Compare(_) | ast::Expr::UnaryOp(_)
                if compares(expression) =>
            {
                self.asked(expression);
            }
            ast::Expr::BinOp(binary) => {
                self.expression(&binary.left);
                self.expression(&binary.right);
            }
            ast::Expr::Test(test) => self.expression(&test.expr),
            other => {
                for part in parts_of(other) {
                    self.expression(part);
                }
            }
        }
    }

    fn asked(&mut self, expression: &ast::Expr<'a>) {
        let mut found = Vec::new();
        claims::claims(expression, false, &mut found);
        let root = |path: &str| path.split('.').next().unwrap_or_default().to_owned();
        let logic = logic::of(expression);
        let is_bound = logic.atoms().iter().any(|atom| {
            let subject = atom.fact.subject();
            subject.is_some_and(|(path, _)| self.scope.binds(&root(path)))
        });
        if !is_bound {
            self.found.push(Asked {
                claims: found,
                logic,
                strays: stray::strays(expression, self.source),
            });
        }
    }
}

/// Whether it asks something, rather than reckons.
fn compares(expression: &ast::Expr<'_>) -> bool {
    use ast::BinOpKind;
    match expression {
        ast::Expr::Compare(_) => true,
        ast::Expr::UnaryOp(unary) => matches!(unary.op, ast::UnaryOpKind::Not),
        ast::Expr::BinOp(binary) => matches!(
            binary.op,
            BinOpKind::Eq
                | BinOpKind::Ne
                | BinOpKind::Lt
                | BinOpKind::Lte
                | BinOpKind::Gt
                | BinOpKind::Gte
                | BinOpKind::In
                | BinOpKind::ScAnd
                | BinOpKind::ScOr
        ),
        _ => false,
    }
}
