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
	version, commit := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				commit = ", commit " + setting.Value
			}
		}
	}
	return fmt.Sprintf("rossum-relay %s%s, %s %s/%s", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
