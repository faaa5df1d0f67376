//! The freestanding program: from the kernel's entry into [`runtime_init::run`].

#![no_std]
#![no_main]

use core::ffi::CStr;

/// Where the kernel enters: the stack pointer tells where the arguments are.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    core::arch::naked_asm!("xor ebp, ebp", "mov rdi, rsp", "and rsp, -16", "call {begin}", "ud2", begin = sym begin)
}

/// Where the kernel enters: the stack pointer tells where the arguments are.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    core::arch::naked_asm!("mov x29, xzr", "mov x30, xzr", "mov x0, sp", "bl {begin}", "brk 1", begin = sym begin)
}

/// `argc`, then `argv`: its second entry is the number of the control socket.
extern "C" fn begin(stack: *const *const core::ffi::c_char) -> ! {
    // SAFETY: the kernel puts argc and then argv there; the parent always gives two arguments.
    let argument = unsafe { CStr::from_ptr(*stack.add(2)) };
    match argument.to_str().ok().and_then(|digits| digits.parse().ok()) {
        Some(control) => runtime_init::run(control),
        None => runtime_init::sys::exit(1),
    }
}

/// There is no way here: the crate has no code that panics.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    runtime_init::sys::exit(134)
}

/// Named by the unwind tables of the prebuilt `core`; nothing unwinds here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// What the compiler expects of a C library.
mod memory {
    #[cfg(target_arch = "x86_64")]
    use core::arch::asm;

    /// `memcpy(3)`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
        // SAFETY: the caller gives `len` bytes at both, apart; an empty loop is what `rep movsb` with 0 is.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            asm!("rep movsb", inout("rcx") len => _, inout("rdi") to => _, inout("rsi") from => _, options(nostack, preserves_flags));
            #[cfg(target_arch = "aarch64")]
            forward(to, from, len);
        }
        to
    }

    /// `memmove(3)`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
        if to.cast_const() <= from {
            // SAFETY: forwards, each byte is read before it can be overwritten.
            unsafe { forward(to, from, len) };
        } else {
            let mut at = len;
            while at > 0 {
                at -= 1;
                // SAFETY: `at` is below `len`; backwards, each byte is read before it can be overwritten.
                unsafe { to.add(at).write_volatile(from.add(at).read_volatile()) };
            }
        }
        to
    }

    /// Byte by byte; volatile, so that the compiler does not make a call to `memcpy` of it.
    unsafe fn forward(to: *mut u8, from: *const u8, len: usize) {
        let mut at = 0;
        while at < len {
            // SAFETY: `at` is below `len`.
            unsafe { to.add(at).write_volatile(from.add(at).read_volatile()) };
            at += 1;
        }
    }

    /// `memset(3)`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
        // SAFETY: the caller gives `len` bytes.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            asm!("rep stosb", inout("rcx") len => _, inout("rdi") to => _, in("al") byte as u8, options(nostack, preserves_flags));
            #[cfg(target_arch = "aarch64")]
            {
                let mut at = 0;
                while at < len {
                    to.add(at).write_volatile(byte as u8);
                    at += 1;
                }
            }
        }
        to
    }

    /// `memcmp(3)`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
        let mut at = 0;
        while at < len {
            // SAFETY: `at` is below `len`, which the caller gives at both.
            let (x, y) = unsafe { (a.add(at).read_volatile(), b.add(at).read_volatile()) };
            if x != y {
                return i32::from(x) - i32::from(y);
            }
            at += 1;
        }
        0
    }

    /// `bcmp(3)`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
        // SAFETY: as for `memcmp`.
        unsafe { memcmp(a, b, len) }
    }

    /// `strlen(3)`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn strlen(text: *const u8) -> usize {
        let mut len = 0;
        // SAFETY: the caller gives a NUL-terminated string.
        while unsafe { text.add(len).read_volatile() } != 0 {
            len += 1;
        }
        len
    }
}
