package api

import (
	"fmt"
	"testing"
)

func TestPublicAddrs(t *testing.T) {
	for list, want := range map[string]string{
		"":                                        "[]",
		"garbage, , 1.2.3":                        "[]",
		"93.184.215.14":                           "[93.184.215.14]",
		" 93.184.215.14 ,2606:4700::1111":         "[93.184.215.14 2606:4700::1111]",
		"10.0.0.1, 127.0.0.1, fe80::1, ::1":       "[]",
		"::ffff:93.184.215.14, ff02::1":           "[93.184.215.14]",
		"93.184.215.14:443":                       "[]",
		"2606:4700::1111%eth0":                    "[]",
		"1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4,5.5.5.5": "[2.2.2.2 3.3.3.3 4.4.4.4 5.5.5.5]",
	} {
		if got := fmt.Sprint(PublicAddrs(list)); got != want {
			t.Errorf("%q: %s, want %s", list, got, want)
		}
	}
}
