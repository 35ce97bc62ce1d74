//! `landfall`: the command of Landfall. It speaks to an installation only through its HTTP API and the config bucket;
//! `landfall doctor` also looks at what the stack made, because the API may be what is broken.

mod account;
mod api;
mod args;
mod checkout;
mod client;
mod commands;
mod doctor;
mod drift_view;
mod error;
mod files;
mod follow;
mod http;
mod keys;
mod live;
mod plan_view;
mod report_view;
mod steps;
mod tables;
mod travelling;
mod tree;
mod ui;

fn main() {
    std::process::exit(commands::main());
}
