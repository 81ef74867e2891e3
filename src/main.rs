//! Table of contents: arguments → telemetry → command → exit code.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use leadping_bridge::cli::{Arguments, Exit, print};
use leadping_bridge::telemetry;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let level = arguments.command.log_level();
    telemetry::start_logging(arguments.global.log_format, level);

    // The panic itself was printed by the panic hook.
    match catch_unwind(AssertUnwindSafe(|| run(arguments))) {
        Ok(Ok(_)) if print::is_incomplete() => {
            print::err(format_args!("error: the output could not be written\n"));
            Exit::Internal.into()
        }
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            print::err(format_args!("error: {error:#}\n"));
            Exit::of(&error).into()
        }
        Err(_) => Exit::Internal.into(),
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let code = runtime.block_on(arguments.command.run(arguments.global));
    // Commands have waited for what matters; a name look-up that hangs must not hold the exit.
    runtime.shutdown_background();
    code
}
