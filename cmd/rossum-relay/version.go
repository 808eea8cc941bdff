package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// versionCmd is "rossum-relay version".
type versionCmd struct{}

// Run prints the version to stdout.
func (versionCmd) Run(stdout io.Writer) error {
	_, err := fmt.Fprintln(stdout, versionText())
	return err
}

// versionText names version, commit and platform as the Go toolchain stamped
// them: a tag when built from one, "(devel)" for a test or go run.
func versionText() string {
	version, commit := build()
	if commit != "" {
		commit = ", commit " + commit
	}
	return fmt.Sprintf("rossum-relay %s%s, %s %s/%s", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// build is what the Go toolchain stamped.
func build() (version, revision string) {
	version = "(devel)"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, ""
	}
	if info.Main.Version != "" {
		version = info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			revision = setting.Value
		}
	}
	return version, revision
}
