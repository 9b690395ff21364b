import { type ReactElement, useEffect } from 'react';
import { useAlarmToasts } from './alarms/alarm-toasts.ts';
import { AlarmsScreen } from './alarms/alarms-screen.tsx';
import { RuleDialog } from './alarms/rule-dialog.tsx';
import { AttachDialog } from './attach/attach-dialog.tsx';
import { BenchScreen } from './bench/bench-screen.tsx';
import { ChannelsDialog } from './bench/channels-dialog.tsx';
import { ExchangesDialog } from './bench/exchanges-dialog.tsx';
import { QueriesDialog } from './bench/queries-dialog.tsx';
import { RenameDialog } from './bench/rename-dialog.tsx';
import { ScreenshotDialog } from './bench/screenshot-dialog.tsx';
import { ConsoleScreen } from './console/console-screen.tsx';
import { DiagnosticsScreen } from './diagnostics/diagnostics-screen.tsx';
import { benchStore, linkStore } from './engine-link.ts';
import { BenchDialog } from './frame/bench-dialog.tsx';
import { Rail } from './frame/rail.tsx';
import { StatusBar } from './frame/status-bar.tsx';
import { Toasts } from './frame/toasts.tsx';
import { Strips, TopBar } from './frame/top-bar.tsx';
import { useFinishedJobs } from './job/followed-jobs.ts';
import { useLatestWatch } from './latest-watch.ts';
import { MathDialog } from './math-dialog.tsx';
import { PlotScreen } from './plot-screen.tsx';
import { EditRecordingDialog } from './recordings/edit-dialog.tsx';
import { ExportDialog } from './recordings/export-dialog.tsx';
import { PlansDialog } from './recordings/plans-dialog.tsx';
import { PreflightDialog } from './recordings/preflight-dialog.tsx';
import { RecordDialog } from './recordings/record-dialog.tsx';
import { RecordingsScreen } from './recordings/recordings-screen.tsx';
import { SaveLastDialog } from './recordings/save-last-dialog.tsx';
import { SafetyDialog } from './safety/safety-dialog.tsx';
import { type DialogState, type ScreenName, screenStore } from './screen-store.ts';
import { ServersDialog } from './servers/servers-dialog.tsx';
import { SettingsScreen } from './settings/settings-screen.tsx';
import { OwnLoginDialog } from './share/own-login-dialog.tsx';
import { ShareDialog } from './share/share-dialog.tsx';
import { useShortcuts } from './shortcuts.ts';
import { useStatisticsWatch } from './statistics-watch.ts';
import { useStore } from './store.ts';
import { applyLook } from './theme.ts';

/** The window: frame, one screen, at most one dialog. */
export function App(): ReactElement {
  const screen = useStore(screenStore, (state) => state.screen);
  const dialog = useStore(screenStore, (state) => state.dialog);
  const hasBench = useStore(benchStore, (bench) => bench !== undefined);
  const theme = useStore(benchStore, (bench) => bench?.settings.theme);
  const motion = useStore(benchStore, (bench) => bench?.settings.motion);
  const title = useStore(benchStore, (bench) => bench?.bench.name);
  const link = useStore(linkStore, (state) => state.state);
  useShortcuts();
  useLatestWatch();
  useStatisticsWatch();
  useFinishedJobs();
  useAlarmToasts();
  useEffect(() => {
    if (theme && motion) applyLook({ theme, motion });
  }, [theme, motion]);
  useEffect(() => {
    document.title = title ? `${title} · Labwire` : 'Labwire';
  }, [title]);
  return (
    <div className="frame" data-link={link}>
      <TopBar />
      <Strips />
      <Rail />
      <main className="main" data-screen={screen}>
        {hasBench ? <Screen name={screen} /> : <Opening />}
      </main>
      <StatusBar />
      {dialog && hasBench && <OpenDialog dialog={dialog} />}
      <Toasts />
    </div>
  );
}

function Screen({ name }: { name: ScreenName }): ReactElement {
  switch (name) {
    case 'bench':
      return <BenchScreen />;
    case 'plot':
      return <PlotScreen />;
    case 'recordings':
      return <RecordingsScreen />;
    case 'alarms':
      return <AlarmsScreen />;
    case 'console':
      return <ConsoleScreen />;
    case 'diagnostics':
      return <DiagnosticsScreen />;
    case 'settings':
      return <SettingsScreen />;
  }
}

function OpenDialog({ dialog }: { dialog: DialogState }): ReactElement {
  switch (dialog.kind) {
    case 'attach':
      return <AttachDialog />;
    case 'channels':
      return <ChannelsDialog instrument={dialog.instrument} first={dialog.channel} />;
    case 'exchanges':
      return <ExchangesDialog instrument={dialog.instrument} />;
    case 'rename':
      return <RenameDialog instrument={dialog.instrument} />;
    case 'screenshot':
      return <ScreenshotDialog instrument={dialog.instrument} />;
    case 'queries':
      return <QueriesDialog instrument={dialog.instrument} />;
    case 'servers':
      return <ServersDialog server={dialog.server} address={dialog.address} />;
    case 'share':
      return <ShareDialog tab={dialog.tab} />;
    case 'ownLogin':
      return <OwnLoginDialog />;
    case 'safety':
      return <SafetyDialog />;
    case 'rule':
      return <RuleDialog rule={dialog.rule} channel={dialog.channel} />;
    case 'bench':
      return <BenchDialog action={dialog.action} />;
    case 'record':
      return <RecordDialog />;
    case 'saveLast':
      return <SaveLastDialog />;
    case 'preflight':
      return <PreflightDialog />;
    case 'plans':
      return <PlansDialog />;
    case 'math':
      return <MathDialog />;
    case 'editRecording':
      return <EditRecordingDialog row={dialog.row} />;
    case 'export':
      return <ExportDialog info={dialog.info} range={dialog.range} />;
  }
}

function Opening(): ReactElement {
  const link = useStore(linkStore, (state) => state);
  return (
    <div className="empty" role="status">
      <h2>{link.state === 'failed' ? 'No engine' : 'Looking for the engine'}</h2>
      <p>{link.reason || 'The engine owns the instruments, the disk and the clock; this screen shows it.'}</p>
    </div>
  );
}
