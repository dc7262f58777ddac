//! What a store made from a backup is prepared with, and how fast status lists may be published.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use lictor::application::ports::{Commit, Listing, list};
use lictor::domain::{Refusal, Status, StatusFlip, StatusList, StatusSlot};

use super::catalog::acme;
use super::engines::{EngineName, for_engines};
use super::world::World;

for_engines! { in_runtime [memory embedded postgres] {
    done_again_it_gives_out_nothing_of_before_and_leaves_no_less_room,
    a_clock_before_the_backup_prepares_nothing,
    a_backup_may_be_restored_within_the_second_in_which_it_was_taken,
    one_round_publishes_so_many_lists_and_says_what_is_left,
} }

async fn done_again_it_gives_out_nothing_of_before_and_leaves_no_less_room(on: EngineName) {
    let world = World::new(on).await;
    let taken_at = world.app().now();
    world.clock.advance(TimeDelta::hours(1));
    let once = world.app().continue_after_restore(taken_at).await.expect("it is prepared");
    let again = world.app().continue_after_restore(taken_at).await.expect("it is prepared");
    assert_eq!(once, again, "at the same instant the same room");
    world.clock.advance(TimeDelta::seconds(1));
    let later = world.app().continue_after_restore(taken_at).await.expect("it is prepared");
    let lists = |continued: &lictor::application::Continued| -> Vec<_> {
        continued.next_lists.iter().map(|(_, list)| *list).collect()
    };
    assert!(lists(&later) > lists(&once), "{:?} {:?}", lists(&later), lists(&once));
    assert!(lists(&once).iter().all(|list| *list > 1_000_000), "{:?}", lists(&once));
}

async fn a_clock_before_the_backup_prepares_nothing(on: EngineName) {
    let world = World::new(on).await;
    let ahead = world.app().now() + TimeDelta::seconds(1);
    let refused = world.app().continue_after_restore(ahead).await;
    assert!(matches!(refused, Err(lictor::application::UseCaseError::Refused(Refusal::Invalid { .. }))));
}

async fn a_backup_may_be_restored_within_the_second_in_which_it_was_taken(on: EngineName) {
    let world = World::new(on).await;
    let taken_at = world.app().now() + TimeDelta::milliseconds(87);
    world.clock.advance(TimeDelta::milliseconds(500));
    world.app().continue_after_restore(taken_at).await.expect("the clock is not behind");
}

async fn one_round_publishes_so_many_lists_and_says_what_is_left(on: EngineName) {
    let world = World::new(on).await;
    let flips = (0..40).map(|list| StatusFlip {
        merchant: acme(),
        slot: StatusSlot { list, idx: 7 },
        status: Status::Invalid,
    });
    let store = world.process().store.clone();
    store.commit(Commit::new().set_all(flips)).await.expect("stored");
    let (mut rounds, mut entries) = (0, 0);
    loop {
        let published = world.app().publish_pending_flips().await.expect("published");
        assert!(published.entries <= 16, "{published:?}");
        (rounds, entries) = (rounds + 1, entries + published.entries);
        if published.is_all {
            break;
        }
        assert!(rounds < 40, "a round that publishes nothing never ends");
    }
    assert_eq!((rounds, entries), (3, 40));
    let lists = list::<StatusList>(store.as_ref(), &Listing::StatusLists(acme()), 1_000).await;
    let lists = lists.expect("readable");
    let revoked = lists.iter().filter(|list| StatusList::read(&list.value.bits, 7) == Some(Status::Invalid));
    let revoked: BTreeSet<_> = revoked.map(|list| list.value.number).collect();
    assert_eq!(revoked, (0..40).collect());
}
