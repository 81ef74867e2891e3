//! `schema`: JSON Schemas for editors. `completions`: for shells.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;

use super::{Arguments, Exit};
use crate::schema;

#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The file that it is for
    #[arg(value_enum)]
    pub of: SchemaOf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SchemaOf {
    /// `config/bridge.toml`
    Config,
    /// `mappings/*.toml`
    Mapping,
}

pub async fn run(args: SchemaArgs) -> anyhow::Result<ExitCode> {
    let schema = match args.of {
        SchemaOf::Config => schema::config(),
        SchemaOf::Mapping => schema::mapping(),
    };
    print(format!("{schema:#}\n").as_bytes())
}

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    #[arg(value_enum)]
    pub shell: Shell,
}

pub async fn run_completions(args: CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(args.shell, &mut command, "leadping-bridge", &mut script);
    print(&script)
}

fn print(bytes: &[u8]) -> anyhow::Result<ExitCode> {
    match std::io::stdout().write_all(bytes) {
        // Whoever reads only the first lines has seen what they wanted.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.context("cannot be written")?,
    }
    Ok(Exit::Fine.into())
}
