package configs

import (
	"slices"
	"strings"
)

// Role is a part of the relay that a process plays; it decides which secrets the process resolves.
type Role string

// The roles. All-in-one processes play RoleIngest, RoleWorker and RoleConsole.
const (
	// RoleIngest receives webhooks: hook signing secrets and the queue's keys.
	RoleIngest Role = "ingest"
	// RoleWorker runs pipelines: target and Rossum accounts, hook secrets and the queue's keys.
	RoleWorker Role = "worker"
	// RoleConsole serves the operators' pages and API: its users' passwords and tokens, and the queue's keys.
	RoleConsole Role = "console"
	// RoleOperator reads and repairs what is stored (dead letters, runs, ledger): the queue's keys.
	RoleOperator Role = "operator"
	// RoleAdmin sets up Rossum's hook objects: Rossum accounts and hook signing secrets.
	RoleAdmin Role = "admin"
)

// needs reports whether one of the roles is among those a roles tag names. No roles, and no tag, mean all.
func needs(roles []Role, tag string) bool {
	return len(roles) == 0 || tag == "" || slices.ContainsFunc(roles, func(role Role) bool {
		return slices.Contains(strings.Split(tag, ","), string(role))
	})
}
