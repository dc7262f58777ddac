fn main() -> std::process::ExitCode {
    client_example::run(std::env::args().skip(1))
}
