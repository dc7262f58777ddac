//! One source of tests for every engine: `for_engines!` makes a test of each engine of each function it is given.
#![expect(dead_code, reason = "each test binary uses a part of it")]

/// What keeps the records of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineName {
    /// In this process.
    Memory,
    /// In a folder.
    Embedded,
    /// In a database that other processes may use too.
    Postgres,
}

impl EngineName {
    /// How often something is done here that costs next to nothing in memory, and a disk or a database elsewhere.
    pub fn times<T>(self, in_memory: T, elsewhere: T) -> T {
        match self {
            Self::Memory => in_memory,
            Self::Embedded | Self::Postgres => elsewhere,
        }
    }
}

/// `for_engines! { run [memory embedded postgres] { tests… } }`: each test is a function of an [`EngineName`], and `run`
/// of this module makes what it returns happen.
macro_rules! for_engines {
    ($run:ident [$($engine:ident)+] $tests:tt) => { $( $crate::engines::for_engine! { $run $engine $tests } )+ };
}

macro_rules! for_engine {
    ($run:ident memory $tests:tt) => {
        $crate::engines::tests_of! { $run memory Memory $tests }
    };
    ($run:ident embedded $tests:tt) => {
        $crate::engines::tests_of! { $run embedded Embedded $tests }
    };
    ($run:ident postgres $tests:tt) => {
        $crate::engines::tests_of! { $run postgres Postgres $tests }
    };
}

macro_rules! tests_of {
    ($run:ident $module:ident $name:ident { $($test:ident),+ $(,)? }) => {
        mod $module {
            $(#[test] fn $test() { $crate::engines::$run(super::$test($crate::engines::EngineName::$name)); })+
        }
    };
}

pub(crate) use {for_engine, for_engines, tests_of};

/// Of a test that waits for futures.
pub fn in_runtime(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("a runtime").block_on(test);
}

/// Of a test that has happened already.
pub fn at_once((): ()) {}
