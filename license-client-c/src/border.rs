//! Pointers, texts and panics on their way between the languages. What no compiler can check is checked here, or promised
//! by the rules of the [crate](crate#safety).

use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};

use crate::error::Error;

/// Longest name, address or locale.
pub const NAME_MAX_BYTES: usize = 4 * 1024;
/// Longest pasted text. A license key has fewer than 1,024 bytes; the rest is room for what stands around it.
pub const TEXT_MAX_BYTES: usize = 1024 * 1024;
/// Longest JWK Set, and longest question of the conformance protocol.
pub const JSON_MAX_BYTES: usize = 256 * 1024;

// SAFETY: C's own library has it, with these types (POSIX.1-2008; also the C library of Windows).
unsafe extern "C" {
    fn strnlen(text: *const c_char, max_bytes: usize) -> usize;
}

/// Runs a call whose outcome is a code. A panic ends here: behind this function C's frames begin.
pub fn guarded(call: impl FnOnce() -> Result<(), Error>) -> Error {
    // What a call leaves half done is its own local values: handles change by one assignment at the end.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => Error::Ok,
        Ok(Err(error)) => error,
        Err(_panic) => Error::Internal,
    }
}

/// Runs a call that answers a value, with the value of a call that went wrong.
pub fn guarded_or<T>(otherwise: T, call: impl FnOnce() -> Result<T, Error>) -> T {
    catch_unwind(AssertUnwindSafe(call)).ok().and_then(Result::ok).unwrap_or(otherwise)
}

/// A text of C's.
///
/// # Safety
/// Rule 1 of the crate, for as long as `'a`.
pub unsafe fn text<'a>(pointer: *const c_char, max_bytes: usize) -> Result<&'a str, Error> {
    if pointer.is_null() {
        return Err(Error::NullPointer);
    }
    // SAFETY: by rule 1 a zero ends the text; no byte after it is read, nor one beyond the limit.
    let length = unsafe { strnlen(pointer, max_bytes + 1) };
    if length > max_bytes {
        return Err(Error::TooLong);
    }
    // SAFETY: `length` bytes from here were just read, and by rule 1 they stay as they are.
    let bytes = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), length) };
    std::str::from_utf8(bytes).map_err(|_no_utf8| Error::InvalidUtf8)
}

/// A text of C's that may be null.
///
/// # Safety
/// As [`text`].
pub unsafe fn text_or_none<'a>(pointer: *const c_char, max_bytes: usize) -> Result<Option<&'a str>, Error> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise is the one that is asked for.
    unsafe { text(pointer, max_bytes) }.map(Some)
}

/// What stands behind a handle.
///
/// # Safety
/// Rules 3 and 4 of the crate, for as long as `'a`.
pub unsafe fn shared<'a, T>(handle: *const T) -> Result<&'a T, Error> {
    // SAFETY: by rule 3 it is null or points to a `T` that lives, by rule 4 nobody changes it meanwhile.
    unsafe { handle.as_ref() }.ok_or(Error::NullPointer)
}

/// What stands behind a handle, to change it.
///
/// # Safety
/// Rules 3 and 4 of the crate, for as long as `'a`.
pub unsafe fn exclusive<'a, T>(handle: *mut T) -> Result<&'a mut T, Error> {
    // SAFETY: by rule 3 it is null or points to a `T` that lives, by rule 4 nobody else uses it meanwhile.
    unsafe { handle.as_mut() }.ok_or(Error::NullPointer)
}

/// Where C wants an answer. It holds null until there is one.
pub struct Place<T>(NonNull<*mut T>);

impl<T> Place<T> {
    /// # Safety
    /// Rule 2 of the crate, for as long as the place lives.
    pub unsafe fn emptied(place: *mut *mut T) -> Result<Self, Error> {
        let place = NonNull::new(place).ok_or(Error::NullPointer)?;
        // SAFETY: by rule 2 it can be written. What stood there is not read: it may never have been set.
        unsafe { place.write(ptr::null_mut()) };
        Ok(Self(place))
    }

    /// A place that C may leave out.
    ///
    /// # Safety
    /// As [`Place::emptied`].
    pub unsafe fn emptied_or_none(place: *mut *mut T) -> Option<Self> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { Self::emptied(place) }.ok()
    }

    fn put(self, pointer: *mut T) {
        // SAFETY: whoever made the place promised that it can be written as long as it lives.
        unsafe { self.0.write(pointer) };
    }

    pub fn put_handle(self, value: T) {
        self.put(Box::into_raw(Box::new(value)));
    }
}

impl Place<c_char> {
    pub fn put_text(self, text: &str) {
        self.put(owned(text));
    }
}

/// A text that is C's from now on, until it is given back to [`lictor_string_free`]. A zero inside would end it early.
pub fn owned(text: &str) -> *mut c_char {
    let without_zeros = text.replace('\0', "");
    CString::new(without_zeros).map_or(ptr::null_mut(), CString::into_raw)
}

/// Drops what stands behind a handle; nothing for null.
///
/// # Safety
/// Rules 3 to 5 of the crate.
pub unsafe fn free<T>(handle: *mut T) {
    if handle.is_null() {
        return;
    }
    // SAFETY: by rules 3 and 5 it came from `Box::into_raw` in `put_handle` and is given back for the first time.
    let value = unsafe { Box::from_raw(handle) };
    guarded(|| {
        drop(value);
        Ok(())
    });
}

/// Frees a text that this library gave out; nothing for null.
///
/// # Safety
/// Rule 5 of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_string_free(text: *mut c_char) {
    if text.is_null() {
        return;
    }
    // SAFETY: by rule 5 it came from `CString::into_raw` in `owned` and is given back for the first time.
    drop(unsafe { CString::from_raw(text) });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_answered_by_a_code() {
        assert_eq!(guarded(|| panic!("a mistake")), Error::Internal);
        assert_eq!(guarded_or(7, || panic!("a mistake")), 7);
        assert_eq!(guarded_or(7, || Err(Error::TooLong)), 7);
    }

    #[test]
    fn a_text_is_measured_before_it_is_read() {
        // SAFETY: literals end with a zero.
        let read = |text: &'static std::ffi::CStr, max| unsafe { super::text(text.as_ptr(), max) };
        assert_eq!(read(c"abc", 3), Ok("abc"));
        assert_eq!(read(c"abc", 2), Err(Error::TooLong));
        assert_eq!(read(c"\xff", 3), Err(Error::InvalidUtf8));
        assert_eq!(read(c"", 0), Ok(""));
    }

    #[test]
    fn a_zero_inside_never_ends_a_text_early() {
        let given = owned("a\0b");
        // SAFETY: just made, and freed once.
        let read = unsafe { text(given, 9) }.map(str::to_owned);
        // SAFETY: as before.
        unsafe { lictor_string_free(given) };
        assert_eq!(read.as_deref(), Ok("ab"));
    }
}
