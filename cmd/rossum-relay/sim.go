package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/erpsim"
)

// simCmd is "rossum-relay sim".
type simCmd struct {
	Rossum simRossumCmd `cmd:"" help:"Serve a Rossum with the documents of payload files, which calls a webhook."`
	ERP    simERPCmd    `cmd:"" name:"erp" help:"Serve an ERP that takes any document, fails as told, and counts what was doubled."`
}

// simERPCmd is "rossum-relay sim erp".
type simERPCmd struct {
	Listen string `default:"127.0.0.1:8082" help:"Address to listen on."`

	Fail              share  `placeholder:"20%" help:"Share of calls that fail in mixed ways, before or after they took effect."`
	Seed              uint64 `help:"Another seed lets other calls fail."`
	Faults            string `type:"path" placeholder:"FILE" help:"JSON list of faults, as POST /_sim/faults takes them one by one."`
	RefuseDuplicates  int    `enum:"0,409,422" default:"0" help:"Status that refuses a second document of the same number: 409, 422, or 0 to apply it."`
	HonourIdempotency bool   `help:"Take a repeated Idempotency-Key for the same call."`

	Username     string `help:"Ask for this user."`
	Password     string `env:"SIM_ERP_PASSWORD" help:"Its password."`
	Bearer       string `env:"SIM_ERP_BEARER" help:"Ask for this bearer token."`
	ClientID     string `help:"Give tokens at /oauth2/token to this client."`
	ClientSecret string `env:"SIM_ERP_CLIENT_SECRET" help:"Its secret."`
}

// Run serves until ctx ends.
func (c *simERPCmd) Run(ctx context.Context, stdout io.Writer) error {
	sim := erpsim.New(erpsim.Options{
		FailRate: float64(c.Fail), Seed: c.Seed, RefuseDuplicates: c.RefuseDuplicates, HonourIdempotency: c.HonourIdempotency,
		Username: c.Username, Password: c.Password, Bearer: c.Bearer, ClientID: c.ClientID, ClientSecret: c.ClientSecret,
	})
	defer sim.Close()
	if err := c.addFaults(sim); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return withHint(err, "another --listen, such as 127.0.0.1:0 for any free port")
	}
	address := "http://" + listener.Addr().String()
	fmt.Fprintf(stdout, "API      %s/api\neffects  %s/_sim/effects\ncounts   %s/_sim/counts\n", address, address, address)
	return sim.Serve(ctx, listener)
}

func (c *simERPCmd) addFaults(sim *erpsim.Sim) error {
	if c.Faults == "" {
		return nil
	}
	file, err := os.Open(c.Faults)
	if err != nil {
		return err
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	var rules []erpsim.Rule
	if err := decoder.Decode(&rules); err != nil {
		return fmt.Errorf("%s: %w", c.Faults, err)
	}
	for i, rule := range rules {
		if err := sim.AddFault(rule); err != nil {
			return fmt.Errorf("%s: entry %d: %w", c.Faults, i+1, err)
		}
	}
	return nil
}

// share is a part of a whole, 0 to 1, written 20% or 0.2.
type share float64

// UnmarshalText is called by kong.
func (s *share) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(string(text), "%")
	value, err := strconv.ParseFloat(number, 64)
	if percent {
		value /= 100
	}
	if err != nil || !(value >= 0 && value <= 1) {
		return fmt.Errorf("want a share such as 20%% or 0.2, not %q", text)
	}
	*s = share(value)
	return nil
}
