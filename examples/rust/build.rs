// SPDX-License-Identifier: MIT
//
// Where libduality is: the folder DUALITY_LIB_DIR, or what pkg-config says.
use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=DUALITY_LIB_DIR");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    let folder = env::var("DUALITY_LIB_DIR").unwrap_or_else(|_| {
        let said = Command::new("pkg-config")
            .args(["--variable=libdir", "duality"])
            .output()
            .expect("neither DUALITY_LIB_DIR nor pkg-config");
        assert!(said.status.success(), "pkg-config knows no duality; set DUALITY_LIB_DIR");
        // A space in a path comes as a shell would want it.
        String::from_utf8(said.stdout).unwrap().trim().replace("\\ ", " ")
    });
    println!("cargo:rustc-link-search=native={folder}");
    println!("cargo:rustc-link-lib=dylib=duality");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
}
