"""demo.sh does what it says, and says in one sentence when nothing is there to talk to."""

import re


def test_the_demo_shows_the_main_functions(running_system):
    done = running_system.clone.script("demo.sh")
    assert (done.returncode, done.stderr) == (0, "")
    steps = re.findall(r"^([1-9])\. ", done.stdout, re.MULTILINE)
    assert steps == list("123456789")
    beats = sum(int(count) for count in re.findall(r"bpm of +([0-9]+) beats", done.stdout))
    assert beats > 500
    assert "byte for byte the same" in done.stdout
    assert re.search(r"would have raised [1-9][0-9]* alarms", done.stdout)
    assert "On her live stream: High heart rate, warning, since " in done.stdout
    assert re.search(r"Acknowledged by user:[0-9]+;", done.stdout)
    trail = done.stdout.partition("9. ")[2]
    actions = (
        "auth.login timeseries.write timeseries.query media.upload_bytes media.download imports.ended alarm.raised"
    )
    actions += " alarm.acknowledge"
    for action in actions.split():
        assert action in trail


def test_without_a_system_the_demo_says_so(running_system):
    done = running_system.clone.script("demo.sh", GATEWAY_HOST="127.0.0.1:1")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"demo.sh: nothing answers at http://127.0.0.1:1: run ./start_services.sh.*\n", done.stderr)
