//! `lictor serve` with 32 clients that issue, change and use licenses.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::disk::{Disk, Image};
use crate::process::clients::{Client, Findings, Heard, Moment, drive, findings};
use crate::process::{Dice, Server, Site, prove_count, strace_works};
use crate::{CLIENTS, IMAGES_PER_LOAD, cut_of, without_syncs};

/// Answers between two images, at most.
const ANSWERS_MAX: usize = 120;

/// Images of one load, and what its clients remember of it.
struct Load {
    site: Site,
    /// The data folder, below the root of the disk.
    data: String,
    clients: Vec<Client>,
    images: Vec<(Image, Moment)>,
}

/// The store is made before, with all its syncs: what is taken out is missing under the load only.
fn load(disk: &Disk, number: usize, images: usize, under: &[String], dice: &mut Dice) -> Load {
    let site = Site::new("http://127.0.0.1:1");
    let data = format!("data-{number}");
    let launch = site.launch(&disk.path().join(&data));
    Server::start(launch.clone()).stop();
    let server = Server::start(launch.under(under.iter().map(String::as_str)));
    let merchant = site.merchant_of(server.url());
    let mut clients: Vec<_> =
        (0..CLIENTS).map(|number| Client::new(number, dice.split(), merchant.clone())).collect();
    let (stop, heard) = (AtomicBool::new(false), Heard::default());
    let mut taken = Vec::new();
    std::thread::scope(|scope| {
        let driving = scope.spawn(|| drive(&mut clients, &stop, &heard));
        for number in 0..images {
            heard.wait_for(heard.count() + 1 + dice.below(ANSWERS_MAX));
            let before = std::time::Instant::now();
            let image = disk.cut(cut_of(number));
            taken.push((image, Moment { before, after: std::time::Instant::now() }));
        }
        stop.store(true, Ordering::SeqCst);
        driving.join().expect("every answer is one that was expected");
    });
    server.kill();
    std::fs::remove_dir_all(disk.path().join(&data)).expect("removed");
    Load { site, data, clients, images: taken }
}

/// Starts a server on an image and looks at everything.
fn findings_in(load: &Load, image: &Image, moment: Moment) -> Findings {
    let disk = image.mount();
    match Server::try_start(load.site.launch(&disk.path().join(&load.data))) {
        Ok(server) => {
            let found = findings(&load.site.merchant_of(server.url()), &load.clients, moment);
            server.kill();
            found
        }
        Err(refused) => Findings { lost: vec![format!("everything: {refused:?}")], ..Findings::default() },
    }
}

#[test]
fn what_the_server_has_answered_survives_a_power_cut() {
    let Some(disk) = Disk::new() else { return };
    let (images, mut dice) = (prove_count(8), Dice::fresh());
    let (mut checked, mut answers) = (0, 0);
    while checked < images {
        let of_this_load = IMAGES_PER_LOAD.min(images - checked);
        let load = load(&disk, checked, of_this_load, &[], &mut dice);
        for (image, moment) in &load.images {
            let found = findings_in(&load, image, *moment);
            found.expect_none();
            answers += found.answers;
            checked += 1;
        }
    }
    println!("{checked} images with {answers} answers in them: 0 lost, 0 made twice");
}

#[test]
fn a_server_whose_syncs_are_taken_out_is_caught() {
    if !strace_works() {
        return;
    }
    let Some(disk) = Disk::new() else { return };
    let load = load(&disk, 0, 3, &without_syncs(&[]), &mut Dice::fresh());
    let lost: Vec<usize> =
        load.images.iter().map(|(image, moment)| findings_in(&load, image, *moment).lost.len()).collect();
    println!("without syncs, answered and lost in each image: {lost:?}");
    assert!(lost.iter().any(|lost| *lost > 0), "the power was cut and nothing was lost: this proves nothing");
}
