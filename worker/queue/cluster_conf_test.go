package queue_test

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// TestClusterConfiguration makes a server with the configuration of deploy/nats, as far as that goes alone: it must sync
// before it acknowledges, and take what the relay sends.
func TestClusterConfiguration(t *testing.T) {
	t.Setenv("SERVER_NAME", "nats-1")
	t.Setenv("RELAY_NATS_PASSWORD", "a-password")
	t.Setenv("SYS_NATS_PASSWORD", "another-password")
	o, err := server.ProcessConfigFile("../../deploy/nats/nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	if !o.SyncAlways || o.MaxPayload != 8<<20 || o.ServerName != "nats-1" || len(o.Routes) != 3 {
		t.Errorf("sync always %v, max_payload %d, name %s, %d routes", o.SyncAlways, o.MaxPayload, o.ServerName, len(o.Routes))
	}
	o.Port, o.HTTPPort, o.Cluster.Port, o.StoreDir, o.NoSigs, o.NoLog = -1, -1, -1, t.TempDir(), true, true
	srv, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	srv.Shutdown()
	srv.WaitForShutdown()
}
