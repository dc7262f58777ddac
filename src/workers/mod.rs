//! What happens after the answer: jobs, the publication of status lists, the sums of usage, the end of what was kept for a time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::application::ports::StoreError;
use crate::application::{App, Filled, UseCaseError};
use crate::domain::{Instant, MerchantId, WebhookId};
use crate::telemetry::CERTIFICATE_EXPIRY;

/// Jobs that run at the same time. A marketplace that answers has at most four of them, one that hangs has one, and all
/// that hang have half: those that answer, and work that calls nobody, go on.
const JOB_WORKERS: usize = 16;
/// Longest wait for work that nothing announced: another replica's, or a lease that ended.
const IDLE: Duration = Duration::from_secs(20);
/// From the start to the first sweep, and from one sweep to the next.
const FIRST_SWEEP: Duration = Duration::from_secs(60);
const BETWEEN_SWEEPS: Duration = Duration::from_secs(3_600);
/// Of so many sweeps one looks at every record; the others at what the store has noted, where it does.
const SWEEPS_PER_LOOK_AT_ALL: u32 = 24;
/// From one look at what ended long ago to the next.
const BETWEEN_FORGETTINGS: Duration = Duration::from_secs(24 * 3_600);
/// Pause after a round of publications: `seq` must not run away from the clock, see [`App::publish_pending_flips`].
const BETWEEN_PUBLICATIONS: Duration = Duration::from_secs(1);
/// Pause between two writings of the calls that were noted.
const BETWEEN_FLUSHES: Duration = Duration::from_secs(1);
/// Pause between two writings of when tokens were last used.
const BETWEEN_TOKEN_USES: Duration = Duration::from_secs(60);
/// From one look at what channels have missed to the next.
const BETWEEN_LOOKS: Duration = Duration::from_secs(3_600);
/// From one look at what was used in hours that are over to the next: the marketplace's window is open for 14 minutes of
/// each hour, and the first 5 of them belong to reports on their way.
const BETWEEN_ROLL_UPS: Duration = Duration::from_secs(30);
/// From one look at events that wait for their place in the chain to the next: a place is given within a second.
const BETWEEN_SEALINGS: Duration = Duration::from_millis(500);
/// From the start to the first look at events that are in no chain, and between looks when there is nothing to do.
const FIRST_ADOPTION: Duration = Duration::from_secs(10);
const BETWEEN_ADOPTIONS: Duration = Duration::from_secs(600);
/// Pause between two pages of such events.
const BETWEEN_ADOPTED_PAGES: Duration = Duration::from_millis(100);
/// From one look at what another replica has done about signing keys to the next.
const BETWEEN_KEY_RINGS: Duration = Duration::from_secs(1);
/// Pause between two pages of licenses whose keys are re-issued: whoever else asks is not kept waiting.
const BETWEEN_REISSUES: Duration = Duration::from_millis(50);
/// From one look at what endpoints can be sent to the next, where nobody has announced anything: another replica's events.
const BETWEEN_EVENT_LOOKS: Duration = Duration::from_secs(2);
/// Endpoints to which is sent at the same time; to each one event after another.
const ENDPOINTS_AT_ONCE: usize = 32;
/// From one look at what ends soon to the next.
const BETWEEN_END_LOOKS: Duration = Duration::from_secs(60);
/// From one look at the clock to the next: a jump is noticed this soon.
const BETWEEN_CLOCK_READINGS: Duration = Duration::from_secs(10);
/// Pause between two looks at licenses that the search index may not have, and from one look whether a pass is due to the
/// next.
const BETWEEN_FILLINGS: Duration = Duration::from_millis(20);
const BETWEEN_FILLING_PASSES: Duration = Duration::from_secs(60);
/// Wait after a fault of the store.
const AFTER_FAULT: Duration = Duration::from_secs(1);
/// A change is in its status list this soon, also where the process that made it ended before it told its own worker: an
/// idle look, the pause after the round before, and 10 s for the rounds themselves.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(60);
const _: () = assert!(IDLE.as_secs() + BETWEEN_PUBLICATIONS.as_secs() + 10 <= PUBLISHED_WITHIN.as_secs());

/// The running workers.
pub struct Workers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Workers {
    /// Starts them on the current runtime.
    pub fn start(app: &Arc<App>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for _ in 0..JOB_WORKERS {
            tasks.spawn(run_jobs(Arc::clone(app), stopped.clone()));
        }
        tasks.spawn(publish(Arc::clone(app), stopped.clone()));
        tasks.spawn(sweep(Arc::clone(app), stopped.clone()));
        tasks.spawn(roll_up(Arc::clone(app), stopped.clone()));
        tasks.spawn(forget(Arc::clone(app), stopped.clone()));
        tasks.spawn(watch_channels(Arc::clone(app), stopped.clone()));
        tasks.spawn(follow_keys(Arc::clone(app), stopped.clone()));
        tasks.spawn(seal(Arc::clone(app), stopped.clone()));
        tasks.spawn(adopt(Arc::clone(app), stopped.clone()));
        tasks.spawn(watch_clock(Arc::clone(app), stopped.clone()));
        tasks.spawn(keep_token_uses(Arc::clone(app), stopped.clone()));
        tasks.spawn(send_events(Arc::clone(app), stopped.clone()));
        tasks.spawn(tell_ends(Arc::clone(app), stopped.clone()));
        tasks.spawn(fill_index(Arc::clone(app), stopped.clone()));
        tasks.spawn(keep_calls(Arc::clone(app), stopped));
        Self { stop, tasks }
    }

    /// Lets each finish what it is doing, then stops it. What is left is done after the next start.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn run_jobs(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        let pause = match app.run_due_jobs().await {
            Ok(next) => next.unwrap_or(IDLE).min(IDLE),
            Err(error) => {
                tracing::error!(error = %error, "jobs could not be run");
                AFTER_FAULT
            }
        };
        tokio::select! {
            () = app.signals.jobs.notified() => {}
            () = tokio::time::sleep(pause) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// Each endpoint by a task of its own: one that hangs holds up no other.
async fn send_events(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let (mut busy, mut sending) = (HashSet::new(), JoinSet::new());
    while !*stopped.borrow() {
        match app.endpoints_to_serve().await {
            Ok(endpoints) => {
                for endpoint in endpoints {
                    if sending.len() < ENDPOINTS_AT_ONCE && busy.insert(endpoint.clone()) {
                        sending.spawn(send_to(Arc::clone(&app), endpoint, stopped.clone()));
                    }
                }
            }
            Err(error) => tracing::error!(error = %error, "events could not be looked for"),
        }
        tokio::select! {
            () = app.signals.events.notified() => {}
            () = tokio::time::sleep(BETWEEN_EVENT_LOOKS) => {}
            Some(done) = sending.join_next() => {
                // A task that panicked is not known by its endpoint.
                let Ok(endpoint) = done else { busy.clear(); continue };
                busy.remove(&endpoint);
            }
            _ = stopped.changed() => {}
        }
    }
    while sending.join_next().await.is_some() {}
}

async fn send_to(
    app: Arc<App>,
    endpoint: (MerchantId, WebhookId),
    stopped: watch::Receiver<bool>,
) -> (MerchantId, WebhookId) {
    let (merchant, webhook) = &endpoint;
    if let Err(error) = app.deliver_to(merchant, webhook, &|| !*stopped.borrow()).await {
        tracing::error!(%merchant, %webhook, error = %error, "events could not be sent");
        tokio::time::sleep(AFTER_FAULT).await;
    }
    endpoint
}

/// Tells of licenses that end soon or have ended, and of the served certificate.
async fn tell_ends(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        if let Err(error) = app.tell_ends().await {
            tracing::error!(error = %error, "merchants could not be told of licenses that end");
        }
        let certificate = CERTIFICATE_EXPIRY.reading().and_then(|secs| Instant::from_timestamp(secs, 0));
        if let Some(ends_at) = certificate
            && let Err(error) = app.tell_certificate_end(ends_at).await
        {
            tracing::error!(error = %error, "merchants could not be told of the certificate's end");
        }
        tokio::select! {
            () = tokio::time::sleep(BETWEEN_END_LOOKS) => {}
            _ = stopped.changed() => {}
        }
    }
}

async fn publish(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        let goes_on = match app.publish_pending_flips().await {
            Ok(published) => !published.is_all,
            Err(error) => {
                tracing::error!(error = %error, "status lists could not be published");
                true
            }
        };
        // What changes meanwhile waits, and is published together.
        tokio::select! {
            () = tokio::time::sleep(BETWEEN_PUBLICATIONS) => {}
            _ = stopped.changed() => continue,
        }
        if goes_on {
            continue;
        }
        tokio::select! {
            () = app.signals.flips.notified() => {}
            () = tokio::time::sleep(IDLE) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// Seals events: what happened meanwhile waits, and is sealed together.
async fn seal(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut was_well = true;
    while !*stopped.borrow() {
        let sealed = app.seal_events().await;
        // Said once, not twice a second.
        if let (Err(error), true) = (&sealed, was_well) {
            tracing::error!(error = %error, "events could not be sealed; they wait");
        }
        was_well = sealed.is_ok();
        if sealed.is_ok_and(|round| round.has_more) {
            tokio::task::yield_now().await;
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(BETWEEN_SEALINGS) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// Gives events a place that have none: page by page, with a pause.
async fn adopt(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let adopting = async {
        tokio::time::sleep(FIRST_ADOPTION).await;
        loop {
            let adopted = app.adopt_some_events().await;
            if let Err(error) = &adopted {
                tracing::error!(error = %error, "events without a place in the chain could not be looked for");
            }
            let has_more = adopted.unwrap_or(false);
            tokio::time::sleep(if has_more { BETWEEN_ADOPTED_PAGES } else { BETWEEN_ADOPTIONS }).await;
        }
    };
    tokio::select! {
        () = adopting => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

async fn watch_clock(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        app.watch_clock();
        tokio::select! {
            () = tokio::time::sleep(BETWEEN_CLOCK_READINGS) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// Cut off in the middle it goes on the next time.
async fn sweep(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let sweeping = async {
        tokio::time::sleep(FIRST_SWEEP).await;
        for number in (0..SWEEPS_PER_LOOK_AT_ALL).cycle() {
            let noted = if number == 0 { Ok(None) } else { app.sweep_noted().await };
            let swept = match noted {
                Ok(Some(count)) => Ok(count),
                Ok(None) => app.sweep_lapsed().await,
                Err(error) => Err(error),
            };
            match swept {
                Ok(count) => tracing::debug!(count, "lapsed records were deleted"),
                Err(error) => tracing::error!(error = %error, "lapsed records could not be deleted"),
            }
            tokio::time::sleep(BETWEEN_SWEEPS).await;
        }
    };
    tokio::select! {
        () = sweeping => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

/// Erases the personal data of what ended long ago, once a day.
async fn forget(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let forgetting = async {
        tokio::time::sleep(FIRST_SWEEP).await;
        while let Some(ended_before) = app.forgets_before() {
            match app.erase_what_ended(ended_before).await {
                Ok(erased) => {
                    tracing::info!(licenses = erased.licenses, "personal data of what ended was erased")
                }
                Err(error) => tracing::error!(error = %error, "personal data could not be erased"),
            }
            tokio::time::sleep(BETWEEN_FORGETTINGS).await;
        }
        // Everything is kept.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = forgetting => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

/// Writes the calls that were noted, and at the end what is left of them.
async fn keep_calls(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut was_well = true;
    loop {
        let is_last = *stopped.borrow();
        let flushed = app.flush_calls(is_last).await;
        // Said once, not every second.
        if let (Err(error), true) = (&flushed, was_well) {
            tracing::error!(error = %error, "calls could not be written; they are kept in memory, within bounds");
        }
        was_well = flushed.is_ok();
        if is_last {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(BETWEEN_FLUSHES) => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    }
}

/// Writes down when tokens were last used, and at the end once more.
async fn keep_token_uses(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    loop {
        let is_last = *stopped.borrow();
        if let Err(error) = app.flush_token_uses().await {
            tracing::warn!(%error, "when tokens were last used could not be written down");
        }
        if is_last {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(BETWEEN_TOKEN_USES) => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    }
}

/// Follows rotations of signing keys, and re-issues what a revoked one has signed: a page, a pause, the next page.
async fn follow_keys(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut was_well = true;
    while !*stopped.borrow() {
        let followed = app.follow_key_rings().await;
        // Also where the keys of some merchant could not be read: the others' licenses do not wait for it.
        let reissued = app.reissue_some().await;
        let has_more = *reissued.as_ref().unwrap_or(&false);
        let done = followed.and(reissued);
        // Said once, not every second.
        if let (Err(error), true) = (&done, was_well) {
            tracing::error!(error = %error, "what is to be done about signing keys could not be done");
        }
        was_well = done.is_ok();
        let pause = if has_more { BETWEEN_REISSUES } else { BETWEEN_KEY_RINGS };
        tokio::select! {
            () = app.signals.keys.notified() => {}
            () = tokio::time::sleep(pause) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// Each interval is recorded in one commit: cut off between two, the rest follows after the next start.
async fn roll_up(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        if let Err(error) = app.roll_up_usage().await {
            tracing::error!(error = %error, "usage could not be summed up");
        }
        tokio::select! {
            () = tokio::time::sleep(BETWEEN_ROLL_UPS) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// Fills the search index: some licenses, a pause, the next ones.
async fn fill_index(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut was_well = true;
    while !*stopped.borrow() {
        let filled = app.fill_index().await;
        let pause = match &filled {
            Ok(Filled::Some) => BETWEEN_FILLINGS,
            Ok(Filled::All) => BETWEEN_FILLING_PASSES,
            // Another server was faster, or a license changed meanwhile.
            Err(UseCaseError::Store(StoreError::Conflict)) => BETWEEN_FILLINGS,
            Err(error) => {
                // Said once, not every second.
                if was_well {
                    tracing::error!(error = %error, "the search index could not be filled");
                }
                AFTER_FAULT
            }
        };
        was_well = filled.is_ok();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// Tells of channels that see no dial test any more.
async fn watch_channels(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let looking = async {
        tokio::time::sleep(FIRST_SWEEP).await;
        loop {
            if let Err(error) = app.watch_channels().await {
                tracing::error!(error = %error, "channels could not be looked at");
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    };
    tokio::select! {
        () = looking => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}
