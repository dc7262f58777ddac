//! On the server's own machine: who may enter the data folder needs no token to make one.
//!
//! A token that is given, or a server that is named, is asked over the network as by every command. Otherwise the socket in
//! the data folder leads to the running server; where none runs, the folder is opened for this one command. A server that
//! holds the folder's lock and has no socket is asked with a token.

use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;

use clap::Args;
use tokio::sync::oneshot;

use super::api::Api;
use super::{Common, Failure, SettingFlags};
use crate::config::{ClientSettings, Settings};
use crate::http::CONTROL_SOCKET;
use crate::service::{RunError, control_alone};

/// Which server of this machine.
#[derive(Debug, Clone, Default, Args)]
pub struct Here {
    /// Data folder of the server on this machine, to ask it without a token [env: LICTOR_DATA_DIR] [default: data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
}

/// A server that can be asked; a folder that was opened for it is closed with it.
pub struct Reached {
    /// The way to it.
    pub api: Api,
    #[expect(dead_code, reason = "held until the command is done")]
    opened: Option<Opened>,
}

struct Opened {
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Result<(), RunError>>>,
}

impl Here {
    /// The way to the server that is meant.
    pub fn reach(&self, common: &Common) -> Result<Reached, Failure> {
        let client = common.client()?;
        let says_who_or_where = client.token.is_some() || client.names_server;
        if says_who_or_where && self.data_dir.is_none() {
            return Ok(Reached { api: Api::of(client), opened: None });
        }
        let flags = SettingFlags::default();
        let flags = match &self.data_dir {
            Some(folder) => flags.with("data_dir", folder.clone()),
            None => flags,
        };
        let settings = flags.load()?.settings;
        let socket = settings.data_dir.join(CONTROL_SOCKET);
        if UnixStream::connect(&socket).is_ok() {
            return Ok(Reached { api: Api::over(socket, client), opened: None });
        }
        if !settings.data_dir.is_dir() {
            return self.elsewhere(client, &settings);
        }
        let opened = Opened::open(settings)?;
        Ok(Reached { api: Api::over(socket, client), opened: Some(opened) })
    }

    /// There is no server on this machine; perhaps there is one that answers without credentials why not.
    fn elsewhere(&self, client: ClientSettings, settings: &Settings) -> Result<Reached, Failure> {
        match self.data_dir {
            Some(_) => {
                let folder = settings.data_dir.display();
                Err(Failure::Refused(format!("{folder} is no data folder; name the server's by --data-dir")))
            }
            None => Ok(Reached { api: Api::of(client), opened: None }),
        }
    }
}

impl Opened {
    fn open(settings: Settings) -> Result<Self, Failure> {
        let (ready, is_ready) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let running = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
            runtime.map_err(RunError::Serve)?.block_on(control_alone(&settings, ready, stopped))
        });
        if is_ready.blocking_recv().is_ok() {
            return Ok(Self { stop: Some(stop), running: Some(running) });
        }
        match running.join() {
            Ok(Err(error)) => Err(error.into()),
            Ok(Ok(())) | Err(_) => Err(Failure::Refused("the data folder could not be opened".to_owned())),
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(running) = self.running.take() {
            // What was answered is kept; whatever else happens at the end is the next start's to notice.
            let _ = running.join();
        }
    }
}
