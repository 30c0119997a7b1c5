// SPDX-License-Identifier: MIT OR Apache-2.0

//! The crate `hermit-entry` behind a C interface.
//!
//! `hermit_entry_peer.h` is the documentation of this interface.

use std::ffi::c_void;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::panic::{self, AssertUnwindSafe};
use std::slice;
use std::sync::Once;

use hermit_entry::config;
use hermit_entry::elf::{KernelObject, LoadedKernel, ParseKernelError};

/// The result of a call.
#[repr(C)]
pub enum Status {
    /// `hermit-entry` accepted the image.
    Ok = 0,
    /// `hermit-entry` returned an error from parsing.
    Refused = 1,
    /// `hermit-entry` panicked.
    Panicked = 2,
}

/// Properties of an image from `hermit-entry`, known before loading.
#[repr(C)]
pub struct Kernel {
    has_hermit_version: bool,
    hermit_version: [u32; 3],
    has_uhyve_interface_version: bool,
    uhyve_interface_version: u32,
    mem_size: u64,
    has_start_addr: bool,
    start_addr: u64,
}

impl From<KernelObject<'_>> for Kernel {
    fn from(object: KernelObject<'_>) -> Self {
        let hermit_version = object.hermit_version();
        let uhyve_interface_version = object.uhyve_interface_version();
        let start_addr = object.start_addr();
        Self {
            has_hermit_version: hermit_version.is_some(),
            hermit_version: hermit_version
                .map(|version| [version.major, version.minor, version.patch])
                .unwrap_or_default(),
            has_uhyve_interface_version: uhyve_interface_version.is_some(),
            uhyve_interface_version: uhyve_interface_version
                .map(|version| version.0)
                .unwrap_or_default(),
            mem_size: object.mem_size() as u64,
            has_start_addr: start_addr.is_some(),
            start_addr: start_addr.unwrap_or_default(),
        }
    }
}

/// Addresses in a loaded image.
#[repr(C)]
pub struct Loaded {
    image_start: u64,
    image_end: u64,
    entry_point: u64,
    has_tls: bool,
    tls_start: u64,
    tls_filesz: u64,
    tls_memsz: u64,
    tls_align: u64,
}

impl From<LoadedKernel> for Loaded {
    fn from(kernel: LoadedKernel) -> Self {
        let image = kernel.load_info.kernel_image_addr_range;
        let tls = kernel.load_info.tls_info;
        Self {
            image_start: image.start,
            image_end: image.end,
            entry_point: kernel.entry_point,
            has_tls: tls.is_some(),
            tls_start: tls.map_or(0, |tls| tls.start),
            tls_filesz: tls.map_or(0, |tls| tls.filesz),
            tls_memsz: tls.map_or(0, |tls| tls.memsz),
            tls_align: tls.map_or(0, |tls| tls.align),
        }
    }
}

/// Parses an image and gets all properties known before loading.
///
/// # Safety
///
/// `elf` must be null or valid for reading `size` bytes, `kernel` must be valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hermit_entry_peer_parse(
    elf: *const c_void,
    size: usize,
    kernel: *mut Kernel,
) -> Status {
    // SAFETY: The caller vouches for `elf` and `size`.
    let elf = unsafe { bytes(elf, size) };
    catch_panic(|| {
        let parsed = Kernel::from(KernelObject::parse(elf)?);
        // SAFETY: The caller vouches for `kernel`.
        unsafe { kernel.write(parsed) };
        Ok::<_, ParseKernelError>(())
    })
}

/// Parses an image and drops the result.
///
/// # Safety
///
/// `elf` must be null or valid for reading `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hermit_entry_peer_parse_only(elf: *const c_void, size: usize) -> Status {
    // SAFETY: The caller vouches for `elf` and `size`.
    let elf = unsafe { bytes(elf, size) };
    catch_panic(|| black_box(KernelObject::parse(elf)).map(drop))
}

/// Parses an image and loads it.
///
/// # Safety
///
/// `elf` must be null or valid for reading `size` bytes, `memory` must be null or valid for reading
/// and writing `memory_size` initialized bytes, both must not overlap. `loaded` must be valid for
/// writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hermit_entry_peer_load(
    elf: *const c_void,
    size: usize,
    start_addr: u64,
    memory: *mut c_void,
    memory_size: usize,
    loaded: *mut Loaded,
) -> Status {
    // SAFETY: The caller vouches for `elf` and `size`.
    let elf = unsafe { bytes(elf, size) };
    // SAFETY: The caller vouches for `memory` and `memory_size`.
    let memory = unsafe { bytes_mut(memory, memory_size) };
    catch_panic(|| {
        let object = KernelObject::parse(elf)?;
        let kernel = Loaded::from(object.load_kernel(memory, start_addr));
        // SAFETY: The caller vouches for `loaded`.
        unsafe { loaded.write(kernel) };
        Ok::<_, ParseKernelError>(())
    })
}

/// Finds configuration and kernel in an archive, and writes their content as lines of text.
///
/// # Safety
///
/// `tar` must be null or valid for reading `size` bytes, `text` must be null or valid for writing
/// `text_capacity` bytes, both must not overlap. `text_size` must be valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hermit_entry_peer_image(
    tar: *const c_void,
    size: usize,
    text: *mut c_void,
    text_capacity: usize,
    text_size: *mut usize,
) -> Status {
    // SAFETY: The caller vouches for `tar` and `size`.
    let tar = unsafe { bytes(tar, size) };
    // SAFETY: The caller vouches for `text` and `text_capacity`.
    let text = unsafe { bytes_mut(text, text_capacity) };
    catch_panic(|| {
        let found = describe(&config::parse_tar(tar)?);
        for (to, from) in text.iter_mut().zip(found.as_bytes()) {
            to.write(*from);
        }
        // SAFETY: The caller vouches for `text_size`.
        unsafe { text_size.write(found.len()) };
        Ok::<_, config::ParseTarError>(())
    })
}

/// Writes all values of `hermit-entry` for an image, in a fixed order.
fn describe(handle: &config::ConfigHandle<'_>) -> String {
    let config::Config::V1 {
        input,
        requirements,
        kernel,
    } = &handle.config;
    let mut text = format!("kernel {kernel}\n");
    for (name, values) in [
        ("kernel_arg", &input.kernel_args),
        ("app_arg", &input.app_args),
        ("env_var", &input.env_vars),
    ] {
        for value in values {
            text += &format!("{name} {value}\n");
        }
    }
    if let Some(memory) = requirements.memory {
        text += &format!("memory {}\n", memory.as_u64());
    }
    text + &format!("cpus {}\nsize {}\n", requirements.cpus, handle.raw_kernel.len())
}

/// Runs `call` and keeps its panics from reaching the C caller and the terminal.
fn catch_panic<E>(call: impl FnOnce() -> Result<(), E>) -> Status {
    static SILENCE: Once = Once::new();
    SILENCE.call_once(|| panic::set_hook(Box::new(|_| ())));

    // Only the memory to load into can be partially written, as the header documents.
    match panic::catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => Status::Ok,
        Ok(Err(_)) => Status::Refused,
        Err(_) => Status::Panicked,
    }
}

/// Makes a slice from the arguments of a C caller. Null means an empty slice.
///
/// # Safety
///
/// `start` must be null or valid for reading `size` bytes.
unsafe fn bytes<'a>(start: *const c_void, size: usize) -> &'a [u8] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: The caller vouches for `start` and `size`.
    unsafe { slice::from_raw_parts(start.cast(), size) }
}

/// Makes a mutable slice from the arguments of a C caller. Null means an empty slice.
///
/// # Safety
///
/// `start` must be null or valid for writing `size` bytes.
unsafe fn bytes_mut<'a>(start: *mut c_void, size: usize) -> &'a mut [MaybeUninit<u8>] {
    if start.is_null() {
        return &mut [];
    }
    // SAFETY: The caller vouches for `start` and `size`.
    unsafe { slice::from_raw_parts_mut(start.cast(), size) }
}
