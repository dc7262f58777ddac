//! What sending events again would bring about, told before it is asked for: nothing is written.

use super::app::{App, UseCaseError};
use super::replay_events::ReplayOf;
use super::take_on_events::wanted;
use crate::domain::{Instant, MerchantId, WebhookId};

/// Events of a chain that are looked at.
const LOOKED_AT_MAX: usize = 10_000;
/// Events that are read at a time.
const PAGE: usize = 500;

/// Which events would be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayPreview {
    /// The revision of the endpoint that asks for them.
    pub revision: u64,
    /// How many, as far as the chain was looked at.
    pub events: u32,
    /// When the first of them happened, and
    pub first_at: Option<Instant>,
    /// when the last did.
    pub last_at: Option<Instant>,
    /// Whether the limit leaves out later ones.
    pub is_cut: bool,
    /// Whether there may be more: the chain is longer than was looked at.
    pub has_more: bool,
}

impl App {
    /// Refuses what [`App::replay_events`] would refuse.
    pub async fn preview_replay(
        &self,
        merchant: &MerchantId,
        id: &WebhookId,
        (since, at_most): (Instant, u32),
    ) -> Result<ReplayPreview, UseCaseError> {
        let what = ReplayOf::Since(since, at_most);
        let (webhook, span) = self.span_to_replay(merchant, id, &what).await?;
        let mut preview = ReplayPreview {
            revision: webhook.revision,
            events: 0,
            first_at: None,
            last_at: None,
            is_cut: false,
            has_more: false,
        };
        let (mut after, mut looked_at) = (span.after, 0);
        while after < span.through && !preview.is_cut {
            if looked_at >= LOOKED_AT_MAX {
                preview.has_more = true;
                break;
            }
            let page = self.sealed_events(merchant, after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            looked_at += page.len();
            let meant =
                page.iter().filter(|(seq, event)| *seq <= span.through && wanted(&webhook.value, event));
            for (_, event) in meant {
                if preview.events == at_most {
                    preview.is_cut = true;
                    break;
                }
                preview.events += 1;
                preview.first_at = preview.first_at.or(Some(event.at));
                preview.last_at = Some(event.at);
            }
        }
        Ok(preview)
    }
}
