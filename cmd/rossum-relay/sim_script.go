package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
)

// simAccount is an entry of --accounts.
type simAccount struct {
	Username string   `json:"username"`
	Password string   `json:"password"`
	Admin    bool     `json:"admin"`
	Queues   []string `json:"queues"` // by name; what a user who is no admin sees
}

// addAccounts adds the users of --accounts.
func (c *simRossumCmd) addAccounts(sim *rossumsim.Sim) error {
	if c.Accounts == "" {
		return nil
	}
	data, err := os.ReadFile(c.Accounts)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var accounts []simAccount
	if err := decoder.Decode(&accounts); err != nil {
		return fmt.Errorf("%s: %w", c.Accounts, err)
	}
	queues := map[string]int64{}
	for _, id := range sim.Objects("queues") {
		queues[fmt.Sprint(sim.Object("queues", id)["name"])] = id
	}
	for _, a := range accounts {
		user := rossumsim.UserSpec{Username: a.Username, Password: a.Password, Admin: a.Admin}
		for _, name := range a.Queues {
			id, ok := queues[name]
			if !ok {
				return fmt.Errorf("%s: user %s: there is no queue %q", c.Accounts, a.Username, name)
			}
			user.Queues = append(user.Queues, id)
		}
		sim.AddUser(user)
	}
	return nil
}

// steps reads --script, nil for none.
func (c *simRossumCmd) steps() ([]rossumsim.Step, error) {
	if c.Script == "" {
		return nil, nil
	}
	data, err := os.ReadFile(c.Script)
	if err != nil {
		return nil, err
	}
	steps, err := rossumsim.DecodeScript(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Script, err)
	}
	return steps, nil
}

// play plays a script, one line for each step. It ends at the first that fails; the simulator goes on.
func (c *simRossumCmd) play(ctx context.Context, sim *rossumsim.Sim, steps []rossumsim.Step, stdout io.Writer) {
	player := sim.NewPlayer(func(file string) ([]byte, error) {
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(c.Script), file)
		}
		return os.ReadFile(file)
	})
	for i, step := range steps {
		annotation, err := player.Play(ctx, step)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			fmt.Fprintf(stdout, "step %d %s: %s\n", i+1, printable(step.Do), printable(err.Error()))
			return
		}
		fmt.Fprintf(stdout, "step %d %s", i+1, step.Do)
		if annotation != 0 {
			if a, err := sim.Annotation(annotation); err == nil {
				fmt.Fprintf(stdout, " %d %s", annotation, printable(a.Status))
			}
		}
		fmt.Fprintln(stdout)
	}
}
