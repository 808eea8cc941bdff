package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
)

// healthcheckCmd is "rossum-relay healthcheck", for containers without a shell.
type healthcheckCmd struct {
	configFlag
	URL     string        `placeholder:"URL" help:"What to ask. Defaults to /readyz of metrics.listen in the configuration."`
	Timeout time.Duration `default:"3s" help:"How long to wait. Defaults to 3s."`
}

// Run asks a process of the relay whether it is ready, and fails with what it says if it is not.
func (c *healthcheckCmd) Run(ctx context.Context) error {
	url := c.URL
	if url == "" {
		cfg, err := c.load(configs.RoleOperator)
		if err != nil {
			return err
		}
		if cfg.Metrics.Listen == configs.Off {
			return withHint(fmt.Errorf("metrics.listen is off"), "--url https://HOST/readyz")
		}
		url = "http://" + reachable(cfg.Metrics.Listen) + "/readyz"
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return fmt.Errorf("not ready: %d %s", res.StatusCode, said)
	}
	return nil
}

// reachable is a listen address as this machine calls it.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return listen
}
