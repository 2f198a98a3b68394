package main

import (
	"net/http"
	"testing"

	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/examples/internal/trial"
)

func TestMain(m *testing.M) { siotest.Main(m) }

func TestTenantsAreApart(t *testing.T) {
	var log siotest.Log
	url := trial.Start(t, app, &log)
	acme, globex := siotest.Polling(t, url+"/socket.io/", nil), siotest.WebSocket(t, url+"/socket.io/", nil)
	acme.Connect("/acme", `{"key":"acme-key"}`)
	acme.Expect(`42/acme,["welcome","acme"]`)
	globex.Connect("/globex", `{"key":"globex-key"}`)
	globex.Expect(`42/globex,["welcome","globex"]`)

	form := http.Header{"Authorization": {"Bearer acme-key"}, "Content-Type": {"application/x-www-form-urlencoded"}}
	if status, body, _ := trial.Request(t, "POST", url+"/tenants/acme/notices", "text=for+acme", form); status != http.StatusNoContent {
		t.Errorf("notice: %d %s", status, body)
	}
	acme.Expect(`42/acme,["notice","for acme"]`)
	form.Set("Authorization", "Bearer globex-key")
	if status, body, _ := trial.Request(t, "POST", url+"/tenants/globex/notices", "text=for+globex", form); status != http.StatusNoContent {
		t.Errorf("notice: %d %s", status, body)
	}
	globex.Expect(`42/globex,["notice","for globex"]`) // and not the one for acme before

	if status, body, _ := trial.Request(t, "GET", url+"/tenants/globex/clients", "", form); status != 200 || body != "{\"clients\":1}\n" {
		t.Errorf("clients: %d %s", status, body)
	}
	log.Check(t)
}

func TestWrongKey(t *testing.T) {
	url := trial.Start(t, app, new(siotest.Log))
	p := siotest.WebSocket(t, url+"/socket.io/", nil)
	for _, connect := range []string{`40/acme,{"key":"globex-key"}`, `40/acme,{"key":7}`, `40/acme,`} {
		p.Send(connect)
		p.Expect(`44/acme,{"message":"wrong key"}`)
	}
	p.Send(`40/nobody,{"key":""}`)
	p.Expect(`44/nobody,{"message":"wrong key"}`)
	status, _, _ := trial.Request(t, "GET", url+"/tenants/acme/clients", "", http.Header{"Authorization": {"Bearer globex-key"}})
	if status != http.StatusUnauthorized {
		t.Errorf("clients with another tenant's key: status %d, want 401", status)
	}
}
