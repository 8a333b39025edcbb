package network

import (
	"net"
	"strconv"
	"strings"
	"testing"
)

func TestListenNamesTheFlagOfABusyPort(t *testing.T) {
	taken, err := listen(t.Context(), "--port", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, text, _ := net.SplitHostPort(taken.Addr().String())
	port, _ := strconv.Atoi(text)
	if _, err := listen(t.Context(), "--rpc-port", port); err == nil || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), "--rpc-port") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("error %v does not say which port and which flag", err)
	}
	if _, err := listen(t.Context(), "--port", 70_000); err == nil || !strings.Contains(err.Error(), "--port") {
		t.Errorf("port 70000: %v", err)
	}
}
