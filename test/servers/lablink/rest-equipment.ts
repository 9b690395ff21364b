import { DriverError } from './devices.ts';
import { refusal } from './lock-book.ts';
import type { RestRoute } from './rest-route.ts';
import { CRASH, ok } from './rest-route.ts';

/** Equipment, data, commands, waveforms, safety. */
export const EQUIPMENT_ROUTES: RestRoute[] = [
  { method: 'GET', pattern: '/api/equipment/list', run: ({ world }) => ok(world.restDevices.list()) },
  {
    method: 'POST',
    pattern: '/api/equipment/connect',
    run: async ({ world, body }) => {
      const type = String(body.equipment_type);
      if (!['oscilloscope', 'power_supply', 'electronic_load', 'multimeter', 'function_generator'].includes(type))
        return refusal(422, [{ type: 'enum', loc: ['body', 'equipment_type'], msg: 'Input should be …', input: type }]);
      const registered = world.restDevices.connect(String(body.resource_string), String(body.model));
      if (!registered) return refusal(500, `Unsupported equipment model: ${String(body.model)}`);
      return ok({ equipment_id: registered.id, status: 'connected' });
    },
  },
  {
    method: 'POST',
    pattern: '/api/equipment/disconnect/:',
    run: async ({ world, parts: [id = ''] }) => {
      await world.restDevices.devices.get(id)?.device.off();
      world.restDevices.devices.delete(id);
      return ok({ equipment_id: id, status: 'disconnected' });
    },
  },
  {
    method: 'GET',
    pattern: '/api/equipment/:/status',
    run: ({ world, parts: [id = ''] }) => {
      const device = world.restDevices.devices.get(id)?.device;
      if (!device) return refusal(404, `Device ${id} not found`);
      const unknown = { error: null, temperature_celsius: null, error_code: null, error_message: null };
      const { firmware, capabilities } = device;
      return ok({ id, connected: true, firmware_version: firmware, capabilities, ...unknown, health_score: null });
    },
  },
  {
    method: 'GET',
    pattern: '/api/equipment/:/readings',
    run: async ({ world, parts: [id = ''] }) => {
      const device = world.restDevices.devices.get(id)?.device;
      if (!device)
        return refusal(
          404,
          `Device ${id} not found. Available: [${[...world.restDevices.devices.keys()].map((key) => `'${key}'`).join(', ')}]`,
        );
      if (!device.readings) return refusal(501, 'Equipment type MockOscilloscope does not support readings');
      return ok(await device.readings(1));
    },
  },
  {
    method: 'GET',
    pattern: '/api/data/:/snapshot',
    run: async ({ world, parts: [id = ''], query }) => {
      const device = world.restDevices.devices.get(id)?.device;
      if (!device) return refusal(404, `Device ${id} not found`);
      const type = query.get('data_type') ?? 'readings';
      if (type === 'measurements' && device.measurements) return ok(await device.measurements(1));
      if (type === 'waveform' && device.waveform) return ok(await device.waveform(1));
      if (type === 'readings' && device.readings) return ok(await device.readings(1));
      return refusal(501, `Equipment does not support ${type}`);
    },
  },
  {
    method: 'POST',
    pattern: '/api/equipment/:/command',
    run: async ({ world, parts: [id = ''], body }) => {
      const action = String(body.action);
      const refused = world.locks.refuse(id, action, body.session_id);
      if (refused) return refused;
      const device = world.restDevices.devices.get(id)?.device;
      if (!device) return refusal(404, `Device ${id} not found`);
      if (action === 'get_waveform_raw') return CRASH;
      const parameters = typeof body.parameters === 'object' && body.parameters !== null ? body.parameters : {};
      const answer = { command_id: body.command_id, timestamp: world.time.naive() };
      try {
        const data = await device.command(action, parameters as Record<string, unknown>);
        return ok({ ...answer, success: true, data, error: null });
      } catch (error) {
        if (error instanceof DriverError) return ok({ ...answer, success: false, data: null, error: error.message });
        throw error;
      }
    },
  },
  {
    method: 'POST',
    pattern: '/api/waveform/capture',
    run: async ({ world, body }) => {
      const id = String(body.equipment_id);
      const device = world.mainDevices.devices.get(id)?.device;
      if (!device) return refusal(404, `Equipment ${id} not found`);
      const config = (body.config ?? {}) as Record<string, unknown>;
      if (!device.samples) return refusal(500, 'Failed to capture waveform');
      return ok(await device.samples(Number(config.channel ?? 1)));
    },
  },
  {
    method: 'POST',
    pattern: '/api/safety/emergency-stop/activate',
    run: async ({ world }) => {
      let count = 0;
      for (const { device } of world.restDevices.devices.values()) {
        await device.off();
        if (device.type !== 'oscilloscope') count++;
      }
      world.stopTime = world.time.naive();
      world.isStopped = true;
      const message = `Emergency stop activated - ${count} equipment outputs disabled`;
      return ok({ success: true, message, active: true, stop_time: world.stopTime, equipment_count: count });
    },
  },
  {
    method: 'POST',
    pattern: '/api/safety/emergency-stop/deactivate',
    run: ({ world }) => {
      world.isStopped = false;
      return ok({
        success: true,
        message: 'Emergency stop deactivated - outputs remain disabled',
        active: false,
        stop_time: null,
        equipment_count: world.restDevices.devices.size,
      });
    },
  },
  {
    method: 'GET',
    pattern: '/api/safety/emergency-stop/status',
    run: ({ world }) =>
      world.stopTime === undefined
        ? CRASH
        : ok({
            success: true,
            message: 'Emergency stop status retrieved',
            active: world.isStopped,
            stop_time: world.stopTime,
            equipment_count: world.restDevices.devices.size,
          }),
  },
  {
    method: 'GET',
    pattern: '/api/safety/status',
    run: async ({ world }) => {
      const answer = ok({
        emergency_stop_active: world.isStopped,
        stopped_equipment: [],
        equipment_with_safety: 0,
        total_equipment: world.mainDevices.devices.size,
      });
      // What it says is as old as that.
      await world.holdSafetyStatus?.();
      return answer;
    },
  },
];
