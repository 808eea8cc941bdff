package main

import (
	"testing"

	"github.com/rossum-relay/rossum-relay/worker/erpsim"
)

func TestDoctorCommand(t *testing.T) {
	r := newRelay(t, testConfig(createStep+tellStep), erpsim.Options{})
	r.hook("annotation_content.export")
	r.start()
	r.script("testdata/deploy/doctor.txtar")
}
