package queue

import (
	"slices"
	"testing"
)

// TestBackupMissesNothing: a stream that is added must be backed up, or stand here with a reason.
func TestBackupMissesNothing(t *testing.T) {
	meaningless := map[string]string{
		streamAdvisory:           "the server's own alarms",
		streamOf(BucketLeases):   "of processes that are gone",
		streamOf(BucketMembers):  "processes that are gone",
		streamOf(BucketAlerts):   "told anew",
		streamOf(BucketSessions): "people log in again",
	}
	resting, moving := backupOrder()
	all := slices.Concat(resting, moving)
	for _, s := range (&Queue{}).streams() {
		if _, left := meaningless[s.Name]; slices.Contains(all, s.Name) == left {
			t.Errorf("stream %s: in the backup %v", s.Name, !left)
		}
	}
}
