//! What merchants can have sent: the names are fixed, and known to their software.

use super::EventKind;
use super::spec::named;

named!(
    /// A kind of event that is sent to endpoints.
    WebhookEvent {
        /// A license was issued.
        LicenseIssued = "license.issued",
        /// Its end moved.
        LicenseRenewed = "license.renewed",
        /// It was stopped.
        LicenseSuspended = "license.suspended",
        /// It goes on.
        LicenseResumed = "license.resumed",
        /// The marketplace ended it.
        LicenseReleased = "license.released",
        /// The merchant ended it.
        LicenseRevoked = "license.revoked",
        /// It ends in some days.
        LicenseExpiring = "license.expiring",
        /// It has ended by itself.
        LicenseExpired = "license.expired",
        /// A machine took a place.
        ActivationCreated = "activation.created",
        /// A machine renewed its certificate. Only for who asks for it by name.
        ActivationRenewed = "activation.renewed",
        /// A machine gave its place back or lost it.
        ActivationReleased = "activation.released",
        /// A copy of a machine was noticed.
        ActivationConflict = "activation.conflict",
        /// Much of a package's window is taken.
        QuotaLow = "quota.low",
        /// All of it.
        QuotaExhausted = "quota.exhausted",
        /// A purchase waits for its SKU to be known.
        OrderHeld = "order.held",
        /// A call at a production address was turned away for a reason that the merchant can mend.
        CallbackRejected = "callback.rejected",
        /// A dial test was answered with an error.
        ChannelDialTestFailed = "channel.dial_test_failed",
        /// No dial test has succeeded for a day and a half.
        ChannelSilent = "channel.silent",
        /// The certificate of the service's own address ends in some days.
        CertificateExpiring = "certificate.expiring",
        /// Another signing key signs.
        KeyRotated = "key.rotated",
        /// Another endpoint of the merchant was disabled by the server.
        WebhookDisabled = "webhook.disabled",
        /// The merchant tries an endpoint out.
        Test = "lictor.test",
    }
);

impl WebhookEvent {
    /// Whether it costs something of its own, and so is sent only to who asks for it by name.
    pub fn only_by_name(self) -> bool {
        self == Self::ActivationRenewed
    }

    /// Whether an endpoint can ask for it: a test goes to one endpoint, whatever it asks for.
    pub fn can_be_asked_for(self) -> bool {
        self != Self::Test
    }

    /// The event that tells merchants of this one; most of what is kept is told to nobody outside.
    pub fn of(kind: EventKind) -> Option<Self> {
        Self::parse(kind.as_str()).filter(|event| event.can_be_asked_for())
    }
}
