//go:build !linux

package dirtarget_test

import "testing"

func fillUp(t *testing.T, _ string) { t.Skip("mounting a small file system needs Linux") }
