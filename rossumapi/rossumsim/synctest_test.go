package rossumsim_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
)

// TestInABubble runs an export of two minutes on the fake clock of synctest,
// with hooks and API in process.
func TestInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const base = "https://acme.rossum.app"
		start := time.Now()
		hook := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodPost:
				w.Header().Set("Location", "https://relay.example/answers/1")
				w.WriteHeader(http.StatusAccepted)
			case time.Since(start) < 100*time.Second:
				w.WriteHeader(http.StatusAccepted)
			default:
				w.WriteHeader(http.StatusCreated)
			}
		})
		sim := rossumsim.New(rossumsim.Options{BaseURL: base, Transport: inProcess{hook}})
		defer sim.Close()
		payload := readPayload(t, "01-export-us-standard-ap")
		taken, err := sim.Import(payload)
		if err != nil {
			t.Fatal(err)
		}
		user := sim.AddUser(rossumsim.UserSpec{Username: "u", Password: "p", Admin: true})
		sim.AddHook(rossumsim.HookSpec{URL: "https://relay.example", Events: []string{"annotation_content.export"}, Queues: []int64{taken.Queue}})
		id, err := sim.Upload(rossumsim.Upload{Payload: payload})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := sim.Confirm(t.Context(), id, user); err != nil {
			t.Fatal(err)
		}
		status, err := sim.WaitStatus(t.Context(), id, rossumapi.StatusExported, rossumapi.StatusFailedExport)
		if got := fmt.Sprintf("%s %v %s", status, err, time.Since(start)); got != "exported <nil> 2m0s" {
			t.Error(got)
		}
	})
}
