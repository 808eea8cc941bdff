package console

import (
	"context"
	"sync"

	"github.com/rossum-relay/rossum-relay/worker/console/index"
	"github.com/rossum-relay/rossum-relay/worker/operate"
)

// maxComplaints bounds what is remembered.
const maxComplaints = 1000

// complaints remember, masked, what the example of each cause died of: reading it opens a payload. It is safe for
// concurrent use.
type complaints struct {
	mu    sync.Mutex
	known map[string]complaint
}

type complaint struct {
	example           string
	message, response string
}

func newComplaints() *complaints { return &complaints{known: map[string]complaint{}} }

// of tells what a cause's example died of.
func (c *complaints) of(ctx context.Context, op *operate.Operator, cause index.Cause) (complaint, error) {
	c.mu.Lock()
	found, ok := c.known[cause.ID]
	c.mu.Unlock()
	if ok && found.example == string(cause.Example) {
		return found, nil
	}
	message, response, err := op.Complaint(ctx, cause.Pipeline, cause.Example)
	if err != nil {
		return complaint{}, err
	}
	found = complaint{string(cause.Example), message, response}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxComplaints {
		clear(c.known)
	}
	c.known[cause.ID] = found
	return found, nil
}
