//! The talk with systemd, word for word, with somebody in its place: hosts with cgroup v1 and a systemd are rare by now.

use super::bus::Address;
use super::message::{Message, PREFIX, rest};
use super::*;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::JoinHandle;

/// What is said to a call.
enum Says {
    /// A value of a property.
    Value(&'static str),
    /// A job.
    Job(&'static str),
    /// A job, after word that it has ended so.
    Ended(&'static str, &'static str),
    Nothing,
    Refuses(&'static str),
}

use Says::{Ended, Job, Nothing, Refuses};

const VERSION: Says = Says::Value("257.3-1");
const NO_SUCH_JOB: Says = Refuses("org.freedesktop.DBus.Error.UnknownObject");

fn answer(to: u32, says: &Says) -> Vec<u8> {
    match says {
        Says::Value(text) => Message::answer(to, "", ("v", Body::default().variant(&Value::Text((*text).into())))),
        Job(job) => Message::answer(to, "", ("o", Body::default().text(job))),
        Ended(job, result) => [Message::job_removed(job, result), Message::answer(to, "", ("o", Body::default().text(job)))].concat(),
        Nothing => Message::answer(to, "", ("", Body::default())),
        Refuses(name) => Message::answer(to, name, ("s", Body::default().text("it does not want to"))),
    }
}

fn hear(stream: &mut UnixStream) -> (u32, Message) {
    let mut prefix = [0; PREFIX];
    stream.read_exact(&mut prefix).unwrap();
    let mut bytes = vec![0; rest(&prefix).unwrap()];
    stream.read_exact(&mut bytes).unwrap();
    let serial = u32::from_le_bytes(prefix[8..12].try_into().unwrap());
    (serial, Message::from_bytes(&prefix, &bytes).unwrap())
}

/// Answers one caller, call by call, and tells what it was asked: members and bodies.
fn systemd(name: &str, script: Vec<Says>) -> (Bus, JoinHandle<Vec<(String, Body)>>) {
    let path = std::env::temp_dir().join(format!("systemd-{name}-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    let heard = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut greeting = Vec::new();
        while !greeting.ends_with(b"BEGIN\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            greeting.extend(byte);
        }
        stream.write_all(b"OK 0123\r\n").unwrap();
        let calls = script.into_iter().map(|says| {
            let (serial, message) = hear(&mut stream);
            stream.write_all(&answer(serial, &says)).unwrap();
            (message.member.clone(), message.into_body())
        });
        calls.collect()
    });
    let bus = Bus::connect_to(&[Address::Own(path.clone())]).unwrap();
    std::fs::remove_file(path).unwrap();
    (bus, heard)
}

fn unit(version: Version) -> Unit {
    let (name, slice, id) = ("p-web1.scope".to_owned(), "a-b.slice".to_owned(), "web1".to_owned());
    Unit { manager: Manager::System, name, slice, id, version, wished: Vec::new() }
}

fn members(heard: JoinHandle<Vec<(String, Body)>>) -> String {
    heard.join().unwrap().into_iter().map(|(member, _)| member).collect::<Vec<_>>().join(" ")
}

fn resources(json: &str) -> LinuxResources {
    serde_json::from_str(json).unwrap()
}

fn on(name: &'static str) -> Property {
    named(name, Value::Switch(true))
}

fn number(name: &'static str, value: u64) -> Property {
    named(name, Value::Number(value))
}

/// Everything a scope of v1 or v2 is started with.
fn begun(io: &'static str) -> Vec<Property> {
    let texts = [named("Description", Value::Text("OCI container web1".into())), named("Slice", Value::Text("a-b.slice".into()))];
    let rest =
        [on("MemoryAccounting"), on("CPUAccounting"), on(io), on("TasksAccounting"), named("DefaultDependencies", Value::Switch(false))];
    texts.into_iter().chain([on("Delegate"), named("PIDs", Value::Numbers(vec![42]))]).chain(rest).collect()
}

fn wanted<'a>(path: Option<&'a str>) -> Wanted<'a> {
    use super::super::CgroupDriver;
    Wanted { path, id: "web1", driver: CgroupDriver::Systemd, refusal: super::super::Refusal::default() }
}

#[test]
fn a_unit_that_nobody_named_is_in_the_slice_of_who_makes_it() {
    for path in [None, Some("")] {
        let system = Unit::of(&wanted(path), false, Version::One).unwrap();
        assert_eq!((system.manager, &*system.slice, &*system.name), (Manager::System, "system.slice", "runtime-shim-web1.scope"));
        let user = Unit::of(&wanted(path), true, Version::Two).unwrap();
        assert_eq!((user.manager, &*user.slice, &*user.name), (Manager::User, "user.slice", "runtime-shim-web1.scope"));
    }
    let named = Unit::of(&wanted(Some("a.slice:p:n")), false, Version::Two).unwrap();
    assert_eq!((&*named.slice, &*named.name), ("a.slice", "p-n.scope"));
    let error = Unit::of(&wanted(None), true, Version::One).unwrap_err();
    assert_eq!(error.to_string(), "cannot use rootless systemd cgroups manager on cgroup v1");
}

/// A slice holds no processes, and is not delegated; what is above it is wanted by it.
#[test]
fn a_slice_is_started_without_a_process() {
    let slice = Unit::of(&wanted(Some("a.slice:p:a-web1.slice")), false, Version::Two).unwrap();
    let told = slice.properties(42, None, 257).unwrap();
    assert!(told.contains(&named("Wants", Value::Texts(vec!["a.slice".into()]))), "{told:?}");
    assert!(told.iter().all(|(name, _)| !["Slice", "Delegate", "PIDs"].contains(&&**name)), "{told:?}");
}

/// On v2 a filter of ours stands beside systemd's; on v1 they share one list, which forbids until ours is written.
#[test]
fn exceptions_from_every_device_are_ours_to_make() {
    let all_but = resources(r#"{"devices":[{"allow":true,"access":"rwm"},{"allow":false,"type":"b","major":8,"access":"rwm"}]}"#);
    let policy = |version| unit(version).properties(42, Some(&all_but), 257).unwrap().into_iter().rfind(|(name, _)| name == "DevicePolicy");
    assert_eq!(policy(Version::Two), Some(named("DevicePolicy", Value::Text("auto".into()))));
    assert_eq!(policy(Version::One), Some(named("DevicePolicy", Value::Text("strict".into()))));
}

#[test]
fn what_annotations_ask_for_is_wished_of_the_unit() {
    let annotations = BTreeMap::from([("org.systemd.property.CollectMode".to_owned(), "'inactive'".to_owned())]);
    let placement = Placement { unit: Some(unit(Version::Two)), ..Placement::default() };
    let wished = placement.with_properties(&annotations).unwrap().unit.unwrap().wished;
    assert_eq!(wished, [named("CollectMode", Value::Text("inactive".into()))]);
    assert!(Placement::default().with_properties(&BTreeMap::from([("org.systemd.property.x".to_owned(), "?".to_owned())])).is_ok());
}

#[test]
fn a_scope_is_started_with_all_that_systemd_knows_of_it() {
    let wished = named("CollectMode", Value::Text("inactive".into()));
    let all = resources(
        r#"{"memory":{"limit":200},"cpu":{"shares":512},"blockIO":{"weight":300},"pids":{"limit":7},"devices":[{"allow":true,"access":"rwm"}]}"#,
    );
    let devices = [named("DeviceAllow", Value::Pairs(Vec::new())), named("DevicePolicy", Value::Text("auto".into()))];
    let v1 = vec![number("MemoryLimit", 200), number("CPUShares", 512), number("BlockIOWeight", 300), number("TasksMax", 7)];
    let v2 = vec![number("MemoryMax", 200), number("CPUWeight", 59), number("TasksMax", 7)];
    for (version, io, limits) in [(Version::One, "BlockIOAccounting", v1), (Version::Two, "IOAccounting", v2)] {
        let (mut bus, heard) = systemd(&format!("start-{io}"), vec![VERSION, Job("/job/1"), NO_SUCH_JOB]);
        let unit = Unit { wished: vec![wished.clone()], ..unit(version) };
        unit.start_over(&mut bus, 42, Some(&all)).unwrap();
        let heard = heard.join().unwrap();
        let properties: Vec<Property> = begun(io).into_iter().chain([wished.clone()]).chain(devices.clone()).chain(limits).collect();
        let expected = Body::default().text("p-web1.scope").text("replace").properties(&properties).no_other_units();
        assert_eq!((heard[1].0.as_str(), &heard[1].1), ("StartTransientUnit", &expected), "{version:?}");
    }
}

#[test]
fn a_failed_unit_of_the_name_is_forgotten_and_one_that_runs_is_not() {
    let script = vec![VERSION, Refuses(UNIT_EXISTS), Nothing, Job("/job/1"), NO_SUCH_JOB];
    let (mut bus, heard) = systemd("exists", script);
    unit(Version::Two).start_over(&mut bus, 42, None).unwrap();
    assert_eq!(members(heard), "Get StartTransientUnit ResetFailedUnit StartTransientUnit Get");

    let (mut bus, heard) = systemd("runs", vec![VERSION, Refuses(UNIT_EXISTS), Nothing, Refuses(UNIT_EXISTS)]);
    let error = unit(Version::Two).start_over(&mut bus, 42, None).unwrap_err().to_string();
    assert_eq!(error, "unable to start unit \"p-web1.scope\": it does not want to");
    // It is somebody else's: it is not stopped.
    assert_eq!(members(heard), "Get StartTransientUnit ResetFailedUnit StartTransientUnit");
}

#[test]
fn a_job_that_fails_is_an_error() {
    let (mut bus, heard) = systemd("fails", vec![VERSION, Ended("/job/1", "failed"), NO_SUCH_JOB, Refuses(NO_SUCH_UNIT)]);
    let error = unit(Version::One).start_over(&mut bus, 42, None).unwrap_err().to_string();
    assert_eq!(error, "unable to start unit \"p-web1.scope\": its job ended with \"failed\"");
    assert_eq!(members(heard), "Get StartTransientUnit Get StopUnit");
}

#[test]
fn an_update_tells_limits_and_nothing_of_devices() {
    let more = resources(r#"{"memory":{"limit":300},"devices":[{"allow":false,"access":"rwm"}]}"#);
    for (version, name) in [(Version::One, "MemoryLimit"), (Version::Two, "MemoryMax")] {
        let (mut bus, heard) = systemd(&format!("update-{name}"), vec![VERSION, Nothing]);
        unit(version).update_over(&mut bus, &more).unwrap();
        let expected = Body::default().text("p-web1.scope").switch(true).properties(&[number(name, 300)]);
        assert_eq!(heard.join().unwrap()[1], ("SetUnitProperties".to_owned(), expected));
    }
    let (mut bus, heard) = systemd("update-nothing", vec![VERSION]);
    unit(Version::Two).update_over(&mut bus, &resources(r#"{"hugepageLimits":[{"pageSize":"2MB","limit":0}]}"#)).unwrap();
    assert_eq!(members(heard), "Get");
}

#[test]
fn a_process_is_put_into_a_cgroup_below() {
    let (mut bus, heard) = systemd("attach", vec![Nothing]);
    unit(Version::Two).attach(&mut bus, Path::new("/sub/x"), 42).unwrap();
    let expected = Body::default().text("p-web1.scope").text("/sub/x").numbers(&[42]);
    assert_eq!(heard.join().unwrap()[0], ("AttachProcessesToUnit".to_owned(), expected));
}

#[test]
fn a_unit_is_stopped_and_forgotten_and_gone_is_as_good() {
    let (mut bus, heard) = systemd("stop", vec![Job("/job/1"), NO_SUCH_JOB, Nothing]);
    unit(Version::Two).stop_over(&mut bus).unwrap();
    assert_eq!(members(heard), "StopUnit Get ResetFailedUnit");

    let (mut bus, heard) = systemd("gone", vec![Refuses(NO_SUCH_UNIT)]);
    unit(Version::Two).stop_over(&mut bus).unwrap();
    assert_eq!(members(heard), "StopUnit");

    let (mut bus, heard) = systemd("stays", vec![Refuses("org.freedesktop.DBus.Error.AccessDenied")]);
    let error = unit(Version::Two).stop_over(&mut bus).unwrap_err().to_string();
    assert_eq!(error, "unable to stop unit \"p-web1.scope\": it does not want to");
    members(heard);
}

#[test]
fn a_users_systemd_makes_no_cgroups_of_v1() {
    let wanted = Wanted { path: None, id: "web1", driver: crate::CgroupDriver::Systemd, refusal: crate::cgroup::Refusal::Tolerated };
    let error = Unit::of(&wanted, true, Version::One).unwrap_err().to_string();
    assert_eq!(error, "cannot use rootless systemd cgroups manager on cgroup v1");
}
