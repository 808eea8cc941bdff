package rossumsim_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
)

// A document is uploaded, confirmed by a user, and exported through a hook.
func Example() {
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"messages":[{"type":"info","content":"posted as 4711"}]}`)
	}))
	defer hook.Close()
	payload, err := os.ReadFile("../testdata/01-export-us-standard-ap.json")
	if err != nil {
		panic(err)
	}

	sim := rossumsim.New(rossumsim.Options{Speed: 60}) // a 30 s poll takes half a second
	defer sim.Close()
	if err := sim.Start("127.0.0.1:0"); err != nil {
		panic(err)
	}
	taken, err := sim.Import(payload)
	if err != nil {
		panic(err)
	}
	user := sim.AddUser(rossumsim.UserSpec{Username: "ap@acme.example", Password: "secret", Admin: true})
	sim.AddHook(rossumsim.HookSpec{Name: "relay", URL: hook.URL, Secret: "signing key",
		Events: []string{"annotation_content.export"}, Queues: []int64{taken.Queue}})

	ctx := context.Background()
	id, err := sim.Upload(rossumsim.Upload{Payload: payload, Set: map[string]string{"document_id": "INV-1"}})
	if err != nil {
		panic(err)
	}
	if _, err := sim.WaitStatus(ctx, id, rossumapi.StatusToReview); err != nil {
		panic(err)
	}
	if err := sim.Confirm(ctx, id, user); err != nil {
		panic(err)
	}
	status, err := sim.WaitStatus(ctx, id, rossumapi.StatusExported, rossumapi.StatusFailedExport)
	fmt.Println(status, err)
	// Output: exported <nil>
}
