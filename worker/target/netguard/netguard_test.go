package netguard_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/rossum-relay/rossum-relay/worker/target/netguard"
)

func TestCheck(t *testing.T) {
	const always, inHouse, never = "public", "private", "never"
	for addr, want := range map[string]string{
		"93.184.216.34":          always,
		"2606:4700::1111":        always,
		"::ffff:93.184.216.34":   always,
		"127.0.0.1":              inHouse,
		"127.9.9.9":              inHouse,
		"::1":                    inHouse,
		"10.1.2.3":               inHouse,
		"172.31.0.1":             inHouse,
		"192.168.1.1":            inHouse,
		"100.64.0.1":             inHouse,
		"fc00::1":                inHouse,
		"::ffff:10.0.0.1":        inHouse,
		"64:ff9b::a00:1":         inHouse,
		"2002:c0a8:101::1":       inHouse,
		"169.254.169.254":        never,
		"169.254.0.1":            never,
		"fe80::1":                never,
		"fe80::1%eth0":           never,
		"::ffff:169.254.169.254": never,
		"64:ff9b::a9fe:a9fe":     never,
		"2002:a9fe:a9fe::":       never,
		"::a9fe:a9fe":            never,
		"fd00:ec2::254":          never,
		"100.100.100.200":        never,
		"168.63.129.16":          never,
		"0.0.0.0":                never,
		"0.1.2.3":                never,
		"::":                     never,
		"224.0.0.1":              never,
		"255.255.255.255":        never,
		"ff02::1":                never,
	} {
		a := netip.MustParseAddr(addr)
		open, house := netguard.Guard{}.Check(a), netguard.Guard{Private: true}.Check(a)
		got := always
		if house != nil {
			got = never
		} else if open != nil {
			got = inHouse
		}
		if got != want {
			t.Errorf("%s is %s, want %s (%v, %v)", addr, got, want, open, house)
		}
	}
}

func TestControl(t *testing.T) {
	err := netguard.Guard{}.Control("tcp", "127.0.0.1:80", nil)
	var refused *netguard.Error
	if !errors.As(err, &refused) || !refused.Private {
		t.Errorf("got %v", err)
	}
	if err := (netguard.Guard{}).Control("tcp", "[2606:4700::1111]:443", nil); err != nil {
		t.Error(err)
	}
	if err := (netguard.Guard{}).Control("tcp", "no address", nil); err == nil {
		t.Error("an unreadable address must be refused")
	}
}
