def test_plan_example(client):
    r = client.post("/auth/register", json={"email": "user@hg.io", "password": "Secret123", "role": "admin"}, headers={"Accept":"application/xml"})
    print(r.status_code, r.data)
    r = client.post("/auth/login", json={"email": "user@hg.io", "password": "Secret123"})
    print(r.status_code, r.data)
    t = r.json["access_token"]
    r = client.get("/auth/profile", headers={"Authorization": f"Bearer {t}", "Accept": "application/xml"})
    print(r.status_code, r.data, r.headers)
    r = client.get("/auth/ready"); print(r.data)
    assert 0
