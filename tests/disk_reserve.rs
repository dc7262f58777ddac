//! A disk that fills up: new work waits, what is there goes on, and stopping a right works down to the last byte.

#[path = "process/mount.rs"]
#[expect(dead_code, reason = "the refusals of a start use the rest")]
mod mount;
mod process;
mod support;
#[path = "support/koogallery_v1.rs"]
#[expect(dead_code, reason = "the tests of the families use the rest")]
mod v1;

#[path = "disk_reserve/admitted.rs"]
mod admitted;
#[path = "disk_reserve/ground.rs"]
mod ground;
#[path = "disk_reserve/levels.rs"]
mod levels;
#[path = "disk_reserve/queue.rs"]
mod queue;
#[path = "disk_reserve/real_disk.rs"]
mod real_disk;
